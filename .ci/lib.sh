# What run and release share. It is sourced, not run.
# shellcheck shell=bash

set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck disable=SC2034 # for those who source this
readonly core=github.com/blockauth/bearer

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# fail prints its arguments as an error, and stops.
fail() {
	echo "error: $*" >&2
	exit 1
}

# modules prints the directory of every module, "." for the core.
modules() {
	find . -name '.?*' -prune -o -name testdata -prune -o -name go.mod -print |
		sed -e 's|/go\.mod$||' -e 's|^\./||' | sort
}

# kind prints whether a module is released, which means that users fetch it, or
# kept, which means that it only serves those who work in this repository.
kind() {
	case $1 in
	. | adapters/* | issuer | issuer/* | stores/* | jwks | jwks/* | otel | otel/* | cmd/*) echo released ;;
	benchmarks | benchmarks/* | examples/* | test/* | tools) echo kept ;;
	*) fail "$1/go.mod is neither released nor kept: name it in kind, in .ci/lib.sh" ;;
	esac
}

# requires prints the modules of this repository that the module in a directory
# requires, each with its version.
requires() {
	awk -v core="$core" '
		{ sub(/^require[ \t]+/, "") }
		($1 == core || index($1, core "/") == 1) && $2 ~ /^v/ { print $1, $2 }
	' "$1/go.mod"
}

# is_installed reports whether users install the module in a directory: it has no
# replace, which go install refuses. Until its tags exist, only the workspace builds
# it.
is_installed() {
	[[ $1 == cmd/* ]]
}

# released prints the directories of the released modules.
released() {
	local dir this
	for dir in $(modules); do
		this=$(kind "$dir") || return
		if [[ $this == released ]]; then echo "$dir"; fi
	done
}
