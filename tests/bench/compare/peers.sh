# The peers of `run`: how they are installed, started and called. Sourced by it. A start_NAME sets $server_pid and
# $port, and for Ringback the tokens; what it needs of files is in $work/server.

packages='nginx libnginx-mod-nchan nats-server mosquitto'

install_peers() {
    local sudo='' missing package policy=/usr/sbin/policy-rc.d made_policy=''
    missing=$(for package in $packages; do dpkg -s "$package" >/dev/null 2>&1 || echo "$package"; done | xargs)
    if [ -n "$missing" ]; then
        [ "$(id -u)" = 0 ] || sudo=sudo
        say "apt-get install $missing (Debian packages of the peers; their services are not started)"
        if [ ! -e $policy ]; then # else Debian starts what it installs
            printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null && $sudo chmod +x $policy && made_policy=yes
        fi
        $sudo apt-get -qq update
        # shellcheck disable=SC2086 # words are wanted
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >&2
        [ -z "$made_policy" ] || $sudo rm $policy
    fi
    say "npm ci (ws and socket.io into tests/bench/compare/servers/node_modules)"
    (cd "$here/servers" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
}

await_port() { # until the server takes connections, or is gone
    local i
    for ((i = 0; i < 100; i++)); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
        kill -0 "$server_pid" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

# The first line that the server prints, into $line.
await_line() { # file
    local i
    for ((i = 0; i < 100; i++)); do
        read -r line <"$1" 2>/dev/null && return
        kill -0 "$server_pid" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

pinned() { # a command, in the background
    taskset -c "$server_core" "$@" &
    server_pid=$!
}

start_ringback() {
    pinned "$RINGBACK" dev --listen 127.0.0.1:0 --data "$work/server/data" --json >"$work/server/line"
    await_line "$work/server/line" || return 1
    port=$(sed -n 's/.*"url":"[^"]*:\([0-9]*\)".*/\1/p' <<<"$line")
    client_token=$(sed -n 's/.*"client_token":"\([^"]*\)".*/\1/p' <<<"$line")
    publish_token=$(sed -n 's/.*"backend_token":"\([^"]*\)".*/\1/p' <<<"$line")
}

start_nchan() {
    port=$("$RINGBACK_COMPARE" --free-port)
    mkdir "$work/server/temp"
    cat >"$work/server/nginx.conf" <<CONF
load_module $(dpkg -L libnginx-mod-nchan | grep '\.so$');
daemon off;
user $(id -un);
pid $work/server/nginx.pid;
error_log stderr;
worker_processes 2;
worker_rlimit_nofile $(ulimit -n);
events { worker_connections 16384; }
http {
    access_log off;
    client_body_temp_path $work/server/temp;
    proxy_temp_path $work/server/temp;
    fastcgi_temp_path $work/server/temp;
    uwsgi_temp_path $work/server/temp;
    scgi_temp_path $work/server/temp;
    keepalive_requests 100000000;
    keepalive_timeout 1h;
    tcp_nodelay on;
    nchan_shared_memory_size 256M;
    server {
        listen 127.0.0.1:$port backlog=4096;
        location ~ ^/subscribe/(\w+)$ {
            nchan_subscriber websocket;
            nchan_channel_id \$1;
            nchan_subscriber_first_message newest;
        }
        location ~ ^/publish/(\w+)$ {
            nchan_publisher http;
            nchan_channel_id \$1;
            nchan_message_buffer_length 200;
            nchan_message_timeout 10s;
        }
    }
}
CONF
    pinned nginx -e stderr -p "$work/server" -c "$work/server/nginx.conf"
    await_port
}

start_nats() {
    local own_port
    port=$("$RINGBACK_COMPARE" --free-port)
    own_port=$("$RINGBACK_COMPARE" --free-port)
    cat >"$work/server/nats.conf" <<CONF
host: 127.0.0.1
port: $own_port
max_connections: 65536
websocket { host: 127.0.0.1, port: $port, no_tls: true }
CONF
    pinned nats-server -c "$work/server/nats.conf"
    await_port
}

# With a plain listener too, without which this version does not start.
start_mosquitto() {
    local own_port
    port=$("$RINGBACK_COMPARE" --free-port)
    own_port=$("$RINGBACK_COMPARE" --free-port)
    cat >"$work/server/mosquitto.conf" <<CONF
user $(id -un)
listener $own_port 127.0.0.1
listener $port 127.0.0.1
protocol websockets
allow_anonymous true
persistence false
set_tcp_nodelay true
max_queued_messages 0
log_dest stderr
log_type error
CONF
    pinned mosquitto -c "$work/server/mosquitto.conf"
    await_port
}

start_node() { # script
    pinned node "$here/servers/$1" >"$work/server/line"
    await_line "$work/server/line" && port=$line
}

start_ws() { start_node ws.mjs; }
start_socketio() { start_node socketio.mjs; }

# ---- saying what was measured ----

version_of_package() { dpkg-query -W -f '${Version}' "$1" | sed 's/^[0-9]*://; s/[-+].*//'; }
version_of_module() { node -p "require('$here/servers/node_modules/$1/package.json').version"; }

versions() {
    local commit
    commit=$(git -C "$root" rev-parse --short HEAD 2>/dev/null)
    echo "name ringback|Ringback|$("$RINGBACK" --version | awk '{ print $NF; exit }')${commit:+ ($commit)}"
    echo "name nchan|nginx with nchan|$(version_of_package nginx), $(version_of_package libnginx-mod-nchan)"
    echo "name nats|nats-server|$(version_of_package nats-server)"
    echo "name mosquitto|mosquitto|$(version_of_package mosquitto)"
    echo "name ws|npm ws|$(version_of_module ws), node $(node --version | tr -d v)"
    echo "name socket.io|npm socket.io|$(version_of_module socket.io), node $(node --version | tr -d v)"
}

write_page() { # table
    sed -e "/^@TABLE@$/{r $1
d}" -e "s/@MACHINE@/$(machine)/; s/@ROUNDS@/$rounds/; s/@NOTE@/${note:+ $note}/" "$here/page.md"
}

machine() {
    echo "$(nproc) cores of $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), Linux $(uname -r | cut -d. -f1-2)"
}
