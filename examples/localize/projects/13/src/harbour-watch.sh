#!/bin/sh
# Says which ships are in the harbour. The demo project whose Dutch translation is broken.
. gettext.sh
TEXTDOMAIN=messages
export TEXTDOMAIN

count=$(find "${1:-/var/lib/harbour}" -name '*.ship' | wc -l)
echo "$(gettext "Ships in the harbour")"
eval_ngettext "\$count ship is at anchor." "\$count ships are at anchor." "$count"; echo
if [ "$count" -gt 12 ]; then
    eval_gettext "The harbour is full: turn back \$count ships."; echo
fi
