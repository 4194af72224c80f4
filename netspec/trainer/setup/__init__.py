"""From a net, a recipe and options to a trainer that is ready for its first step, and the memory that it takes."""
