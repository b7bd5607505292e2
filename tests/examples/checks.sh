# What the tests of examples share; sourced. Counts in $passed and $failed, works in $tmp.
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1

passed=0
failed=0

check() { # WHAT COMMAND...: ok if the command succeeds
    local what=$1 said
    shift
    if said=$("$@" 2>&1); then
        echo "ok - $what"
        passed=$((passed + 1))
    else
        echo "not ok - $what"
        if [ -n "$said" ]; then head -n 10 <<<"$said" | sed 's/^/    /'; fi
        failed=$((failed + 1))
    fi
}

same() { # WANTED FOUND
    [ "$1" = "$2" ] || { printf 'wanted: %s\nfound:  %s\n' "$1" "$2" && false; }
}
