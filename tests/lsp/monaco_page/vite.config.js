export default { base: "./", build: { target: "esnext", outDir: "dist", chunkSizeWarningLimit: 100000 }, worker: { format: "es" } };
