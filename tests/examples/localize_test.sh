#!/usr/bin/env bash
# Runs examples/localize as a job would and looks at its reports and files. One line per check; the exit status says whether
# all passed. Needs gettext and python3. The last part works on real translations: those that are installed on this system.
set -uo pipefail
export LC_ALL=C
unset LANGUAGE RINGBACK_OUT LOCALIZE_PROJECTS LOCALIZE_PACE

root=$(cd "$(dirname "$0")/../.." && pwd)
example=$root/examples/localize
localize=$example/localize
mo_check=(python3 "$root/tests/examples/mo_check.py")
# shellcheck source-path=SCRIPTDIR source=checks.sh
source "$root/tests/examples/checks.sh"

skip() { # WHY
    echo "skip - $1"
}

# Runs localize as the server does: no terminal, parameters on standard input, a fresh directory for the results.
run() { # NAME ARGUMENT...: results in NAME/, reports in NAME.out, log in NAME.log, exit status in $status
    local name=$1
    shift
    rm -rf "$name" && mkdir "$name"
    RINGBACK_JOB=j1 RINGBACK_KIND=test RINGBACK_TENANT=acme RINGBACK_OUT=$tmp/$name \
        "$localize" "$@" <<<'{"projectId":"12"}' >"$name.out" 2>"$name.log"
    status=$?
}

reports_are_sound() { # FILE: each line is one JSON object of known keys, progress only rises; ends at 100 unless FILE says error
    python3 - "$1" <<'END'
import json, sys
last, errors = 0, 0
for line in open(sys.argv[1], encoding="utf-8"):
    report = json.loads(line)
    assert report and set(report) <= {"progress", "title", "info", "warning", "error", "event"}, line
    assert last <= report.get("progress", last) <= 100, line
    last = report.get("progress", last)
    errors += "error" in report
assert errors or last == 100, f"ended at {last}"
END
}

report() { # FILE KEY: the values of that report, one a line
    python3 -c 'import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    report = json.loads(line)
    if sys.argv[2] in report: print(report[sys.argv[2]])' "$1" "$2"
}

tree() { # DIR: its files
    (cd "$1" && find . -type f | sort | sed 's|^\./||')
}

fails_with() { # STATUS NAME ERROR: that status, that one error report, no result files
    same "$1" "$status" && same "$3" "$(report "$2.out" error)" && same "" "$(tree "$2")"
}

# What the C library makes of the results: LANGUAGE DIR DOMAIN TEXT [PLURAL NUMBER]
translated() {
    local lang=$1 dir=$2
    shift 2
    if [ $# -eq 2 ]; then set -- gettext "$@"; else set -- ngettext "$@"; fi
    LC_ALL=C.UTF-8 LANGUAGE=$lang TEXTDOMAINDIR=$dir/locale "$@"
}

make_po() { # FILE CHARSET LINE...: a .po file with these lines after the header
    mkdir -p "$(dirname "$1")"
    {
        printf 'msgid ""\nmsgstr "Language: xx\\nContent-Type: text/plain; charset=%s\\n"\n\n' "$2"
        printf '%s\n' "${@:3}"
    } >"$1"
}

echo "# sources"
run sources sources 12
check "sources: exit status 0" same 0 "$status"
check "sources: sound reports" reports_are_sound sources.out
check "sources: one template per domain" same "templates/ferry.pot templates/notices.pot" "$(tree sources | xargs)"
check "sources: a file is announced with its progress" grep -qxF '{"progress":50,"title":"Extracting notices.pot"}' sources.out
check "sources: the counts are reported" same "ferry: 21 strings notices: 10 strings" "$(report sources.out info | xargs)"
check "sources: plural forms are extracted" grep -qxF 'msgid_plural "%d ferries today\n"' sources/templates/ferry.pot
check "sources: contexts are extracted" same 2 "$(grep -c '^msgctxt "ticket"$' sources/templates/ferry.pot)"
check "sources: strings marked by N_ are extracted" grep -qxF 'msgid "Car with driver"' sources/templates/ferry.pot
check "sources: formats are flagged" grep -qxF '#, python-brace-format' sources/templates/notices.pot
check "sources: comments to translators are kept" grep -q '^#. TRANSLATORS: {{booking_link}}' sources/templates/notices.pot
check "sources: no translation in a template" same "" "$(msgattrib --translated sources/templates/ferry.pot)"

echo "# targets"
wanted=$(for lang in de es fr it ja nl pl; do
    for domain in ferry notices; do echo locale/$lang/LC_MESSAGES/$domain.{mo,po}; done
done | xargs)
run targets targets 12
check "targets: exit status 0" same 0 "$status"
check "targets: sound reports" reports_are_sound targets.out
check "targets: .mo and .po of each language and domain" same "$wanted" "$(tree targets | xargs)"
check "targets: progress per file" same 15 "$(report targets.out progress | sort -nu | wc -l)"
check "targets: the file is in the title" grep -qxF '{"progress":42,"title":"Compiling ferry/pl.po"}' targets.out
check "targets: counts are reported" grep -qxF '{"info":"notices, es: 9 translated, 1 fuzzy, 0 untranslated"}' targets.out
check "targets: what is missing is a warning" \
    same "notices, es: 1 of 10 strings stay in the source language|notices, pl: 1 of 10 strings stay in the source language" \
    "$(report targets.out warning | paste -sd '|')"
check "targets: German is found by the C library" same "Abfahrt" "$(translated de targets ferry Departure)"
check "targets: Polish plurals are found by the C library" \
    same "zostało %d miejsce|zostały %d miejsca|zostało %d miejsc" \
    "$(for n in 1 3 5; do translated pl targets ferry "%d place left" "%d places left" $n; echo; done | paste -sd '|')"
check "targets: fuzzy ones are left out" same "" "$(msgunfmt targets/locale/es/LC_MESSAGES/notices.mo | grep 'Viento')"
check "targets: the .po is the project's own" \
    cmp "$example/projects/12/po/notices/ja.po" targets/locale/ja/LC_MESSAGES/notices.po

echo "# pseudo"
run pseudo pseudo 12
pseudo=pseudo/locale/en_XA/LC_MESSAGES
check "pseudo: exit status 0" same 0 "$status"
check "pseudo: sound reports" reports_are_sound pseudo.out
check "pseudo: .po and .mo of each domain" same "$pseudo/ferry.mo $pseudo/ferry.po $pseudo/notices.mo $pseudo/notices.po" \
    "$(tree pseudo | sed 's|^|pseudo/|' | xargs)"
for domain in ferry notices; do
    check "pseudo: msgfmt accepts $domain.po" msgfmt --check-format --check-header -o /dev/null $pseudo/$domain.po
    check "pseudo: every string of $domain is translated" msgcmp $pseudo/$domain.po sources/templates/$domain.pot
done
check "pseudo: mnemonics are valid" \
    msgfmt --check-accelerators=_ -o /dev/null <(msggrep --msgid -e _ $pseudo/ferry.po 2>/dev/null)
check "pseudo: placeholders, tags, entities, keys and newlines stay" "${mo_check[@]}" kept $pseudo/*.mo
check "pseudo: brackets, accents, 30 to 40 % longer" "${mo_check[@]}" shape $pseudo/*.mo
check "pseudo: the C library finds it" same "[Ðééþåŕţûûŕéé·]" "$(translated en_XA pseudo ferry Departure)"
check "pseudo: plural forms differ" same "[%d þļååçéé ļééƒţ·]|[%d þļååçééš ļééƒţ··]" \
    "$(for n in 1 2; do translated en_XA pseudo ferry "%d place left" "%d places left" $n; echo; done | paste -sd '|')"

echo "# pseudo, string by string"
stays() { # TEXT WHAT: pseudo keeps WHAT of TEXT, once
    local found
    found=$("$example/pseudo" --line <<<"$1")
    same 1 "$(grep -oF -- "$2" <<<"$found" | wc -l)" || { echo "$found" && false; }
}
while IFS='|' read -r text what; do
    check "pseudo: \"$text\" keeps $what" stays "$text" "$what"
done <<'END'
Read %s and write|%s
From %1$-5d to there|%1$-5d
Load %-*.2f and more|%-*.2f
%5.1f%% of these|%5.1f%%
Size %<PRIu64> bytes|%<PRIu64>
Value %(name)s of it|%(name)s
Value %(price).2f of it|%(price).2f
Hello {name}, you|{name}
Hello {name!r:>10}, you|{name!r:>10}
Hello {0} and more|{0}
Hello {{name}} and more|{{name}}
{n, plural, one {# file} other {# files}}|{n, plural, one {# file} other {# files}}
Open ${file} now|${file}
Open $file now|$file
Page %L1 of many|%L1
Some <b>bold</b> text|</b>
An <a href=\"index.html\">anchor</a> here|<a href=\"index.html\">
Salt &amp; pepper|&amp;
Salt&#xA0;pepper|&#xA0;
One line\nanother line|\n
A \"quoted\" word|\"ǫûûööţéð\"
A tab\there|\t
_Open a file|_O
E&xit the program|&x
_Quit\tCtrl+Q|Ctrl+Q
Zoom with Ctrl+Shift+F5|Ctrl+Shift+F5
See https://example.org/a?b=c for more|https://example.org/a?b=c
Mail to harbour@example.org for more|harbour@example.org
Use --help for more|--help
Line\n  end\n--help for more|\n--help
END
check "pseudo: white space stays outside the brackets" same '\n  [Öñéé·]  \n' "$("$example/pseudo" --line <<<'\n  One  \n')"
check "pseudo: nothing but white space stays as it is" same '\n' "$("$example/pseudo" --line <<<'\n')"
check "pseudo: a backslash before n is no newline" same '[å\\ñ·]' "$("$example/pseudo" --line <<<'a\\n')"
check "pseudo: other alphabets pass" same '[日本·]' "$("$example/pseudo" --line <<<'日本')"
if perl_base=$(dpkg -L perl-base 2>/dev/null | grep '/strict\.pm$'); then
    # shellcheck disable=SC2016
    check "pseudo: needs no more than perl-base" same "[ÖĶ·]" "$(echo OK | perl -e '@INC = (shift); $0 = shift; @ARGV = ("--line");
        do $0; die $@ if $@' "$(dirname "$perl_base")" "$example/pseudo" 2>&1)"
else
    skip "pseudo with perl-base alone: this is no Debian"
fi

echo "# failures"
run broken targets 13
check "broken .po: exit status 1" same 1 "$status"
check "broken .po: the error names file and line" same "po/nl.po:30: end-of-line within string" "$(report broken.out error)"
check "broken .po: sound reports" reports_are_sound broken.out
check "broken .po: the other languages are tried too" same "Compiling de.po Compiling fr.po Compiling nl.po" \
    "$(report broken.out title | xargs)"
run broken_sources sources 13
check "broken .po: the sources are exported all the same" same "0 templates/messages.pot" "$status $(tree broken_sources)"

make_po p/formats/p/po/de.po UTF-8 '#, c-format' 'msgid "%s ships"' 'msgstr "%d Schiffe"'
make_po p/formats/p/po/fr.po UTF-8 'msgid "x"' 'msgstr "y'
make_po p/formats/p/po/sv.po UTF-8 'msgid "x"' 'msgstr "y"'
run formats --projects p/formats targets p
check "another format in the translation: an error with file and line" same \
    "1 po/de.po:6: format specifications in 'msgid' and 'msgstr' for argument 1 are not the same" \
    "$status $(report formats.out error | sed -n 1p)"
check "several broken files: an error for each, and the good ones are compiled" \
    same "2 locale/sv/LC_MESSAGES/messages.mo locale/sv/LC_MESSAGES/messages.po" \
    "$(report formats.out error | wc -l) $(tree formats | xargs)"
make_po p/warned/p/po/de.po KLINGON 'msgid "x"' 'msgstr "y"' '' mist
run warned --projects p/warned targets p
check "a warning without a line does not hide the error" same "1 po/de.po:7: keyword \"mist\" unknown" \
    "$status $(report warned.out error)"
make_po 'p/odd/p/po/a"b\ü/de.po' UTF-8 'mist "x"'
run odd --projects p/odd targets p
check "quote, backslash and umlaut in an error are escaped" same \
    '1 po/a"b\ü/de.po:4: keyword "mist" unknown' "$status $(report odd.out error | sed -n 1p)"
make_po p/latin1/p/po/de.po UTF-8 'msgid "x"' "msgstr \"Gr$(printf '\374')n\""
run latin1 --projects p/latin1 targets p
check "bytes that are not UTF-8: an error that is" same "1 po/de.po:5:11: invalid multibyte sequence" \
    "$status $(report latin1.out error)"
make_po p/latin1/q/po/$'a\374'/de.po UTF-8 'mist "x"'
run latin1 --projects p/latin1 targets q
check "bytes that are not UTF-8 in a file name: sound reports" reports_are_sound latin1.out
check "bytes that are not UTF-8 in a file name: they are left out" same \
    '1 po/a/de.po:4: keyword "mist" unknown' "$status $(report latin1.out error | sed -n 1p)"

bad="invalid project id: 1 to 64 letters, digits, - and _ are allowed"
for id in '' . .. ../12 12/ /etc '1 2' '12;id' "\$(id)" '*' $'12\n13' "ü" "$(printf '%065d' 0)"; do
    run id targets "$id"
    check "project id $(printf '%q' "$id") is refused" fails_with 1 id "$bad"
done
for id in 14 -- --help --projects -12 "$(printf '%064d' 0)"; do
    run id targets "$id"
    check "project id $id is unknown" fails_with 1 id "unknown project \"$id\""
done
run usage targets
check "no project id: usage" fails_with 2 usage "expected an export and a project id"
run usage everything 12
check "unknown export: usage" fails_with 2 usage "unknown export: choose sources, targets or pseudo"
mkdir -p p/empty/none p/empty/few/po
run empty --projects p/empty targets none
check "a directory that is no project" fails_with 1 empty 'project "none" has neither po/ nor src/'
run few --projects p/empty targets few
check "a project without translations" fails_with 1 few 'project "few" has no translations'
LOCALIZE_PACE=fast run pace targets 12
check "LOCALIZE_PACE that is no number" fails_with 1 pace "LOCALIZE_PACE must be a number of seconds"

echo "# around it"
by_hand() { # by another name, in another place
    mkdir -p hand && ln -sf "$localize" hand/link && (cd hand && ./link sources 12 >/dev/null 2>&1) &&
        same "out/templates/ferry.pot out/templates/notices.pot" "$(cd hand && find out -type f | sort | xargs)"
}
check "by hand: results in ./out, also through a symbolic link" by_hand
closed_input() { RINGBACK_OUT=$tmp/closed "$localize" targets 12 <&- >/dev/null 2>&1 && same "$(tree targets)" "$(tree closed)"; }
check "closed standard input" closed_input
large_input() {
    head -c 3000000 /dev/zero | tr '\0' x >large.json
    RINGBACK_OUT=$tmp/large "$localize" targets 12 <large.json >/dev/null 2>&1 && same "$(tree targets)" "$(tree large)"
}
check "large standard input" large_input
check "bare environment" env -i PATH=/usr/bin:/bin RINGBACK_OUT="$tmp/bare" "$localize" pseudo 12
LOCALIZE_PROJECTS=$tmp/p/empty run variable targets few
check "LOCALIZE_PROJECTS says where projects are" fails_with 1 variable 'project "few" has no translations'
paced() {
    local start=${EPOCHREALTIME/./}
    LOCALIZE_PACE=0.05 run pace targets 12
    [ $((${EPOCHREALTIME/./} - start)) -ge 700000 ]
}
check "LOCALIZE_PACE slows each file down" paced
cancelled() { # the server ends a job by SIGTERM to its process group
    local pid
    mkdir -p scratch
    set -m
    TMPDIR=$tmp/scratch LOCALIZE_PACE=20 RINGBACK_OUT=$tmp/cancel "$localize" targets 12 >cancel.out 2>&1 &
    pid=$!
    set +m
    for _ in {1..50}; do [ -s cancel.out ] || sleep 0.05; done
    sleep 0.1
    same 1 "$(find scratch -mindepth 1 | wc -l)" && kill -TERM -- "-$pid" && { wait "$pid"; same 143 $?; } &&
        same "" "$(tree scratch; find scratch -mindepth 1)"
}
check "SIGTERM ends it at once and leaves no temporary files" cancelled

make_po p/derived/p/po/app/de.po UTF-8 'msgid "Tide"' 'msgstr "Flut"' '' 'msgid "Café"' 'msgstr "Café"' '' '#~ msgid "Old"' '#~ msgstr "Alt"'
make_po p/derived/p/po/app/sv.po ISO-8859-1 'msgid "Quay"' "msgstr \"L$(printf '\344')ge\"" ''
run derived --projects p/derived sources p
check "no sources: a template of what the languages translate" same 'msgid "Tide" msgstr "" msgid "Café" msgstr "" msgid "Quay" msgstr ""' \
    "$(msgcat derived/templates/app.pot | sed '1,/^$/d' | grep . | paste -sd ' ')"
make_po p/derived/q/po/sv.po ISO-8859-1 '#, fuzzy' 'msgid "Cafe"' "msgstr \"Kaf$(printf '\351')\"" '' \
    '#, c-format' 'msgid "%d tide"' 'msgid_plural "%d tides"' 'msgstr[0] "%d tid"' 'msgstr[1] "%d tider"' 'msgstr[2] "%d tidor"'
run derived --projects p/derived sources q
check "no sources: charset, flags and plural forms of such a template" same \
    'msgid "" msgstr "Content-Type: text/plain; charset=UTF-8\n" msgid "Cafe" msgstr "" #, c-format msgid "%d tide" msgid_plural "%d tides" msgstr[0] "" msgstr[1] ""' \
    "$(grep . derived/templates/messages.pot | paste -sd ' ')"
make_po p/derived/r/po/sv.po ISO-8859-1 "msgid \"Caf$(printf '\351')\"" 'msgstr "Kafe"'
run derived --projects p/derived sources r
check "a long error is one line" same "1 msgcat: Conversion of file po/sv.po from ISO-8859-1 encoding to UTF-8 encoding changes some \
msgids or msgctxts. Either change all msgids and msgctxts to be pure ASCII, or ensure they are UTF-8 encoded from the beginning, i.e. \
already in your source code files." "$status $(report derived.out error)"
make_po p/derived/p/po/app/app.pot UTF-8 'msgid "Own"' 'msgstr ""'
run derived --projects p/derived pseudo p
check "no sources: a template in po/ is taken" same "[Öŵñ··]" "$(translated en_XA derived app Own)"

make_po p/mixed/p/po/de.po UTF-8 'msgid "Tide"' 'msgstr "Flut"'
make_po p/mixed/p/po/app/de.po UTF-8 'msgid "Quay"' 'msgstr "Kai"'
run mixed --projects p/mixed targets p
check "translations both in po/ and in po/<domain>/" same "Flut Kai" \
    "$(translated de mixed messages Tide) $(translated de mixed app Quay)"

if command -v shellcheck >/dev/null; then
    check "shellcheck finds nothing" shellcheck -x "$localize" "$root/tests/examples/localize_test.sh"
else
    skip "shellcheck is not installed"
fi

echo "# real translations"
for domain in bash coreutils gettext-tools; do
    for mo in /usr/share/locale/*/LC_MESSAGES/"$domain".mo; do
        [ -e "$mo" ] || continue
        lang=${mo#/usr/share/locale/}
        lang=${lang%%/*}
        mkdir -p "p/real/debian/po/$domain"
        msgunfmt "$mo" -o "p/real/debian/po/$domain/$lang.po" 2>/dev/null
        one=("$domain" "$lang" "$mo")
    done
done
if [ -d p/real ]; then
    files=$(tree p/real | wc -l)
    mapfile -t in_project < <(ls p/real/debian/po)
    for action in sources targets pseudo; do
        run real_$action --projects p/real $action debian
        check "real translations: $action of $files files in ${#in_project[@]} domains" same 0 "$status"
        check "real translations: sound reports of $action" reports_are_sound real_$action.out
    done
    check "real translations: no translation in a template" \
        same "" "$(msgcat --use-first real_sources/templates/*.pot 2>/dev/null | msgattrib --translated)"
    check "real translations: a .mo and a .po for each" same $((2 * files)) "$(tree real_targets | wc -l)"
    check "real translations: ${one[0]} in ${one[1]} is compiled as installed" \
        diff <(msgunfmt "${one[2]}" 2>/dev/null) <(msgunfmt "real_targets/locale/${one[1]}/LC_MESSAGES/${one[0]}.mo" 2>/dev/null)
    count=$("${mo_check[@]}" kept real_pseudo/locale/en_XA/LC_MESSAGES/*.mo 2>/dev/null)
    check "real translations: placeholders, tags, options and newlines stay in $count" \
        "${mo_check[@]}" kept real_pseudo/locale/en_XA/LC_MESSAGES/*.mo
    for domain in "${in_project[@]}"; do
        # .mo files do not say which strings are formats, so msgfmt is told that all are.
        perl -00 -pe 's/^(?=msgctxt|msgid)/#, c-format\n/m if $. > 1' \
            "real_pseudo/locale/en_XA/LC_MESSAGES/$domain.po" >flagged.po
        check "real translations: msgfmt accepts the formats of $domain" msgfmt --check-format -o /dev/null flagged.po
        check "real translations: every string of $domain has its pseudo translation" \
            msgcmp "real_pseudo/locale/en_XA/LC_MESSAGES/$domain.po" "real_sources/templates/$domain.pot"
    done
else
    skip "no real translations: this system has none in /usr/share/locale (a minimal image leaves them out)"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
