#!/usr/bin/env bash
# Checks specs with annotations; of a pull request also writes what it changes, into the summary and into one comment,
# which later pushes rewrite. What the specs are decides the status: a comment that may not be written is no mistake.
set -uo pipefail

options=(--format github)
[ "${STRICT:-}" = true ] && options+=(--strict)
[ "${LOCKED:-}" = true ] && options+=(--locked)
read -r -a specs <<< "${SPECS:-}"

netspec check "${options[@]}" "${specs[@]}"
status=$?

if [ -n "${NUMBER:-}" ] && [ -n "${BASE:-}" ]; then
  # Where the branch left the base is a matter of history, which `actions/checkout` leaves out unless asked.
  [ "$(git rev-parse --is-shallow-repository)" = true ] && git fetch --quiet --no-tags --unshallow origin
  git cat-file -e "$BASE^{commit}" 2> /dev/null || git fetch --quiet --no-tags origin "$BASE"
  comment=$(mktemp)
  marker='<!-- netspec: what this pull request changes -->'
  echo "$marker" > "$comment"
  netspec compare --git "$BASE" >> "$comment"
  changed=$?
  [ "$changed" -gt "$status" ] && status=$changed
  tail -n +2 "$comment" >> "${GITHUB_STEP_SUMMARY:-/dev/null}"
  if [ "${COMMENT:-}" = true ]; then
    comments="repos/$GITHUB_REPOSITORY/issues/$NUMBER/comments"
    mine=$(gh api --paginate "$comments" --jq ".[] | select(.body | startswith(\"$marker\")) | .id" | head -n 1)
    if [ -n "$mine" ]; then
      gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$mine" --field "body=@$comment"
    else
      gh api --silent --method POST "$comments" --field "body=@$comment"
    fi || echo "::notice title=netspec::the comment could not be written; the summary of this job has its text"
  fi
  rm -f "$comment"
fi
exit "$status"
