# The results of `run` as a Markdown table, medians of the rounds. Lines, first of the versions and then:
#   fanout PEER LOCKSTEP ITS_BARE BURSTS ITS_BARE, large PEER LOCKSTEP ITS_BARE, memory PEER BYTES,
#   faults PEER LOST REPEATED REORDERED BAD CLOSED
/^name / {
    sub(/^name /, "")
    split($0, part, "|")
    order[++peers] = part[1]; label[part[1]] = part[2]; version[part[1]] = part[3]
    next
}
$1 == "fanout" {
    add($2 " lockstep", $3); add($2 " lockstep_ratio", $3 / $4)
    add($2 " bursts", $5); add($2 " bursts_ratio", $5 / $6)
    add("bare lockstep", $4); add("bare bursts", $6)
}
$1 == "large" { add($2 " large", $3); add($2 " large_ratio", $3 / $4); add("bare large", $4) }
$1 == "memory" { add($2 " memory", $3) }
$1 == "faults" { for (i = 3; i <= 7; i++) faults[$2, i] += $i; met[$2] = 1 }

function add(key, value) { values[key, ++count[key]] = value }

function median(key,   n, i, j, value, sorted) {
    n = count[key]
    for (i = 1; i <= n; i++) {
        value = values[key, i]
        for (j = i - 1; j > 0 && sorted[j] > value; j--) sorted[j + 1] = sorted[j]
        sorted[j + 1] = value
    }
    return n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

function whole(key,   text, at) {
    if (!count[key]) return "-"
    text = sprintf("%.0f", median(key))
    for (at = length(text) - 3; at > 0; at -= 3) text = substr(text, 1, at) "," substr(text, at + 1)
    return text
}

# Rates in thousands and tens: more digits would say more than was measured.
function rate(key) {
    if (count[key]) { values["rounded", 1] = int(median(key) / 1000 + 0.5) * 1000; count["rounded"] = 1 }
    return count[key] ? whole("rounded") : "-"
}

function ratio(key) { return count[key] ? sprintf("%.2f", median(key)) : "-" }

function sound(peer,   text) {
    if (!met[peer]) return "-"
    text = (faults[peer, 3] + 0) " / " (faults[peer, 4] + 0) " / " (faults[peer, 5] + 0)
    if (faults[peer, 6] > 0) text = text ", " faults[peer, 6] " bad"
    if (faults[peer, 7] > 0) text = text ", " faults[peer, 7] " closed"
    return text
}

function row(peer, name, version, is_reference,   text) {
    text = "| " name " | " version " | " rate(peer " lockstep") " | " (is_reference ? "1" : ratio(peer " lockstep_ratio"))
    if (large) text = text " | " rate(peer " large") " | " (is_reference ? "1" : ratio(peer " large_ratio"))
    text = text " | " rate(peer " bursts") " | " (is_reference ? "1" : ratio(peer " bursts_ratio"))
    print text " | " whole(peer " memory") " | " sound(peer) " |"
}

END {
    print "| peer | version | 1,000 subscribers, deliveries/s | of bare |" (large ? " 10,000 subscribers, deliveries/s | of bare |" : "") \
        " bursts of 32, deliveries/s | of bare, coalescing | bytes per idle connection | lost / repeated / reordered |"
    print "| --- | --- | --- | --- |" (large ? " --- | --- |" : "") " --- | --- | --- | --- |"
    row("bare", "bare loop, coalescing", "", 1)
    if (count["bare-each lockstep"]) row("bare-each", "bare loop, one send per message", "", 0)
    for (i = 1; i <= peers; i++) if (met[order[i]]) row(order[i], label[order[i]], version[order[i]], 0)
}
