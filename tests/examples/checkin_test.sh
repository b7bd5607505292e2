#!/usr/bin/env bash
# Runs examples/checkin as a job would and looks at its reports and files. One line per check; the exit status says whether
# all passed. Needs python3.
set -uo pipefail
export LC_ALL=C.UTF-8
unset RINGBACK_OUT RINGBACK_INPUT CHECKIN_PACE CHECKIN_PIECE

root=$(cd "$(dirname "$0")/../.." && pwd)
checkin=$root/examples/checkin/checkin
model=$root/examples/checkin/ticket-office.ifc
# shellcheck source-path=SCRIPTDIR source=checks.sh
source "$root/tests/examples/checks.sh"

# Runs it as the server does: no terminal, parameters on standard input, a fresh directory for the results.
run() { # FILE PARAMETERS [VARIABLE=VALUE...]: results in out/, reports in reports, log in log, exit status in $status
    local file=$1 parameters=$2
    shift 2
    rm -rf out && mkdir out
    env RINGBACK_INPUT="$file" RINGBACK_OUT=out "$@" "$checkin" <<<"$parameters" >reports 2>log
    status=$?
}

json() { # FILE EXPRESSION: of the document d
    python3 -c 'import json, sys; d = json.load(open(sys.argv[1], encoding="utf-8")); print(eval(sys.argv[2]))' "$1" "$2"
}

reports_are_sound() { # each line is one JSON object of known keys, progress only rises, and ends at 100
    python3 - <<'END'
import json
last = 0
for line in open("reports", encoding="utf-8"):
    report = json.loads(line)
    assert report and set(report) <= {"progress", "title", "info", "warning", "error"}, line
    assert last <= report.get("progress", last) <= 100, line
    last = report.get("progress", last)
assert last == 100, f"ended at {last}"
END
}

fails_with() { # NAME TEXT: of the file NAME made before
    run "$1" '{}'
    same 1 "$status" && grep -qF "$2" reports && same 0 "$(find out -type f | wc -l)" && same "" "$(cat log)"
}

run "$model" '{"fileName":"ticket-office.ifc","poid":1}'
summary=out/ticket-office.ifc.summary.json
check "a model is read" same 0 "$status"
check "its reports are sound" reports_are_sound
check "it is quiet otherwise" same "" "$(cat log)"
check "the file itself is kept" cmp "$model" out/ticket-office.ifc
check "schema" same IFC2X3 "$(json $summary 'd["schema"]')"
check "entities are counted by type" same "2 4 17" "$(json $summary '"%d %d %d" % tuple(d["entities"][k] for k in ("IFCSLAB", "IFCWALLSTANDARDCASE", "IFCCARTESIANPOINT"))')"
check "and all together" same "$(grep -c '^#' "$model")" "$(json $summary 'd["entity_count"]')"
check "header" same "Anna Ferry, 2026-11-22T10:00:00" "$(json $summary 'd["header"]["author"][0] + ", " + d["header"]["time_stamp"]')"
check "bounds" same "[-0.5, -0.5, -0.2] [5.7, 3.7, 2.7]" "$(json $summary 'str(d["bounds"]["min"]) + " " + str(d["bounds"]["max"])')"
cp $summary whole.json

for piece in 1 2 3 7 64 999; do
    run "$model" '{"fileName":"ticket-office.ifc"}' CHECKIN_PIECE=$piece
    check "the same in pieces of $piece" cmp whole.json $summary
done
check "and progress comes bit by bit" test "$(grep -c '"progress"' reports)" -ge 5

run "$model" '{"fileName":"C:\\models\\..\\Büro.ifc"}'
check "only the last element of a name counts" test -f out/Büro.ifc -a "$(find out -type f | wc -l)" -eq 2
run "$model" '{"fileName":"../../escape.ifc"}'
check "a name leads nowhere else" test -f out/escape.ifc -a ! -e ../../escape.ifc
run "$model" '{"fileName":".."}'
check "nor does one without a name in it" test -f out/model.ifc
run "$model" 'not json'
check "parameters that are none do not matter" same 0 "$status"

cat >strange.ifc <<'END'
ISO-10303-21;HEADER;FILE_DESCRIPTION((''),'2;1');FILE_NAME('a ''quoted''; \X2\00FC\X0\ber','',(''),(''),'','','');
FILE_SCHEMA(('IFC4X3','OTHER'));ENDSEC;DATA;#1=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT($,.METRE.));/*#9=NOT(;*/#2 = ifcwall ( 'DATA;ENDSEC;#3=IFCDOOR(' ) ;
ENDSEC;END-ISO-10303-21;
END
run strange.ifc '{}'
check "texts, comments and entities of several types" same "{'IFCWALL': 1, 'LENGTH_UNIT': 1, 'NAMED_UNIT': 1, 'SI_UNIT': 1}" "$(json out/strange.ifc.summary.json 'd["entities"]')"
check "letters beyond ASCII" same "a 'quoted'; über" "$(json out/strange.ifc.summary.json 'd["header"]["name"]')"

: >empty.ifc
check "an empty file fails" fails_with empty.ifc "the file is empty"
head -c 3000 "$model" >cut.ifc
check "a file that is cut off fails" fails_with cut.ifc "ends in the middle of a statement"
head -n 40 "$model" >ended.ifc
check "also between two statements" fails_with ended.ifc "END-ISO-10303-21 is missing"
cp /bin/ls binary.ifc
check "what is no STEP file fails" fails_with binary.ifc "this is not a STEP file"
grep -v FILE_SCHEMA "$model" >schema.ifc
check "without a schema it fails" fails_with schema.ifc "does not say the schema"
sed 's/^#50=.*/nonsense(1);/' "$model" >data.ifc
check "what is no entity fails" fails_with data.ifc "a statement that is no entity"
check "a file that is not there fails" fails_with nowhere.ifc "No such file"
run "" '{}'
check "so does a job without a file" same '1 {"error": "no file came with the job"}' "$status $(cat reports)"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
