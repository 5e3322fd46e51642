#!/usr/bin/env bash
# Builds the program for Windows (x86_64-pc-windows-gnu) and plays it under Wine, outside CI.
#
#   bash tests/windows/run.sh [FOLDER] [check|build|release|play|all]
#
# FOLDER (target/windows unless named) keeps a Debian sid tree with Wine, mingw-w64 and Rust: 7 GB with the
# build. Run it as root on Debian; it takes 15 minutes on 2 cores the first time. The standard library is
# built from Debian's rust-src. What each line says, and what only Windows can tell, is in docs/windows.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD
tree=$(realpath -m "${1:-target/windows}")
what=${2:-all}
mirror=${DEBIAN_MIRROR:-$(grep -rhoE '^(URIs:|deb) +[^ ]+' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | awk '{print $2}' | grep -E '/debian/?$' | head -1 || true)}
built=target/x86_64-pc-windows-gnu/debug

if [ "$(id -u)" -ne 0 ]; then
    echo "hint: run this as root: it makes a Debian tree" >&2
    exit 1
fi
for need in debootstrap curl python3 openssl; do
    command -v $need >/dev/null || { apt-get update -qq && apt-get install -y -qq $need >/dev/null; }
done
if [ ! -e "$tree/usr/bin/rustc" ]; then
    debootstrap --variant=minbase --include=rustc,cargo,rust-src,gcc,libc6-dev,gcc-mingw-w64-x86-64-posix,ca-certificates,wine,wine64,nasm,perl,make \
        sid "$tree" "${mirror:-http://deb.debian.org/debian}" >/dev/null
fi
mkdir -p "$tree/src" "$tree/play" "$tree/home/build/.cargo"
cp /etc/resolv.conf "$tree/etc/resolv.conf"
# Roots that this machine trusts, and packages that it has fetched, serve the tree as well.
cp -rn /etc/ssl/certs "$tree/etc/ssl/" 2>/dev/null || true
cp -rn "${CARGO_HOME:-$HOME/.cargo}/registry" "$tree/home/build/.cargo/" 2>/dev/null || true
for part in proc dev; do
    mountpoint -q "$tree/$part" || mount --bind "/$part" "$tree/$part"
done
started=()
# Ends every program of Windows' that is left, in this tree alone.
end_wine() {
    chroot "$tree" sh -c 'HOME=/home/build WINEPREFIX=/home/build/wine exec "$(ls /usr/lib/*/wine/wineserver /usr/lib/wine/wineserver /usr/bin/wineserver 2>/dev/null | head -1)" -k' 2>/dev/null || true
}
end() {
    for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
    end_wine
    umount "$tree/proc" "$tree/dev" 2>/dev/null || true
}
trap end EXIT

# What a command is run by: nothing, or a terminal, which Wine makes a console of.
console=()
terminal=(python3 -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))')
in_tree() { # in_tree FOLDER [NAME=VALUE…] -- COMMAND…
    local folder=$1 variables=()
    shift
    while [ "$1" != -- ]; do variables+=("$1") && shift; done
    shift
    "${console[@]}" chroot "$tree" env -i PATH=/usr/bin:/bin HOME=/home/build LANG=C.UTF-8 WINEDEBUG=-all XDG_RUNTIME_DIR=/tmp \
        WINEPREFIX=/home/build/wine "${variables[@]}" sh -c 'cd "$1" && shift && exec "$@"' sh "$folder" "$@"
}
compile() {
    git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - --ignore-failed-read | tar -C "$tree/src" -xf -
    in_tree /src CARGO_HOME=/home/build/.cargo RUSTC_BOOTSTRAP=1 \
        CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc \
        CC_x86_64_pc_windows_gnu=x86_64-w64-mingw32-gcc AR_x86_64_pc_windows_gnu=x86_64-w64-mingw32-ar \
        -- cargo "$1" "${@:2}" -Z build-std=std,panic_unwind --target x86_64-pc-windows-gnu --locked -p repilot
}
case $what in
check | build)
    compile "$what"
    exit
    ;;
release)
    compile build --release
    exit
    ;;
all) compile build ;;
play) ;;
*)
    echo "hint: bash tests/windows/run.sh [FOLDER] [check|build|release|play|all]" >&2
    exit 2
    ;;
esac

cp "$tree/src/$built/repilot.exe" "$tree/play/"
cp -r "$here/examples" tests/windows/signals.c "$tree/play/"
in_tree /play -- x86_64-w64-mingw32-gcc -municode -O1 signals.c -o signals.exe
end_wine
in_tree /play -- wine --version

failed=0
says() { # says OK|FAIL WHAT
    printf '%-4s  %s\n' "$1" "$2"
    [ "$1" = ok ] || failed=1
}
# The program's exit code and output are looked at together: expect CODE TEXT WHAT -- ARGUMENTS…
variables=()
expect() {
    local code=$1 text=$2 name=$3 got=0
    shift 4
    in_tree /play "${variables[@]}" -- wine repilot.exe "$@" >"$tree/play/said" 2>&1 </dev/null || got=$?
    if [ "$got" = "$code" ] && grep -qF -- "$text" "$tree/play/said"; then
        says ok "$name"
    else
        says FAIL "$name: exit code $got of $code, without \`$text\`:"
        sed 's/^/      /' "$tree/play/said" | tail -5
    fi
}
graph=http://127.0.0.1:18780
counter() { curl -sS "$graph/_sim/counters" | python3 -c "import json,sys; print(json.load(sys.stdin)['$1'])"; }
until_counter() { # until_counter NAME LEAST
    local tries=0
    until [ "$(counter "$1" 2>/dev/null || echo 0)" -ge "$2" ]; do
        tries=$((tries + 1))
        [ $tries -lt 1200 ] || return 1
        sleep 0.1
    done
}
simulate() { # simulate DEVICES: a Graph of Windows' own, and the ids of its devices in ids.txt
    in_tree /play -- wine repilot.exe simulate --devices "$1" --listen 127.0.0.1:18780 >/dev/null 2>&1 &
    started+=($!) simulator=$!
    until curl -sS "$graph/_sim/counters" >/dev/null 2>&1; do sleep 0.1; done
    curl -sS "$graph/_sim/devices" | python3 -c 'import json,sys; print("\n".join(d["id"] for d in json.load(sys.stdin)))' >"$tree/play/ids.txt"
}
end_simulation() { # and whatever else was started and goes on
    end_wine
    wait "$simulator" 2>/dev/null || true
}
rm -rf "$tree/home/build/wine/drive_c/ledgers" "$tree/home/build/wine/drive_c/users/root/AppData/Local/repilot"

expect 0 "300 of 300" "the README's first command, with the default ledger" -- run examples/devices.csv --simulate --yes
expect 1 "Invalid name" "a name that Windows does not take is refused in words" -- check --ledger 'C:\ledgers\a?b.db'
deep=$(printf 'deep\\%.0s' $(seq 60))
for ledger in 'C:\ledgers\two words#1%20.db' '\\?\C:\ledgers\verbatim.db' 'C:/ledgers/slashes.db' 'C:\ledgers\käse.db' "C:\\ledgers\\${deep}long.db"; do
    expect 1 "ok    ledger" "a ledger is made at ${ledger:0:40}" -- check --ledger "$ledger"
    expect 0 "no campaigns" "and found there" -- status --ledger "$ledger"
done
expect 0 "20:00-06:00, Europe/Berlin" "Windows' name of a zone" -- plan examples/devices.csv --simulate --window "Mon-Sun 20:00-06:00" --zone "W. Europe Standard Time"
variables=(TZ=Europe/Berlin)
expect 0 " CET " "the machine's zone" -- plan examples/devices.csv --simulate --zone local
variables=()

# What a script sees: an exit code, and data alone on standard output.
in_tree /play -- wine cmd /c 'repilot.exe status nosuch --json >out.txt 2>err.txt & call echo %^ERRORLEVEL%' >"$tree/play/said" 2>/dev/null || true
grep -q 1 "$tree/play/said" && [ ! -s "$tree/play/out.txt" ] && grep -q "error:" "$tree/play/err.txt" &&
    says ok "a script sees the exit code 1, words on standard error and none on standard output" ||
    says FAIL "a script's view: $(cat "$tree/play/said")"
in_tree /play -- wine cmd /c 'repilot.exe config show --json >out.txt 2>err.txt' </dev/null >/dev/null 2>&1 || true
python3 -m json.tool <"$tree/play/out.txt" >/dev/null 2>&1 && says ok "a script reads --json" || says FAIL "--json is no JSON"

variables=(REPILOT_GRAPH__ROOT=$graph REPILOT_GRAPH__TOKEN=simulated REPILOT_LEDGER__URL='C:\ledgers\one.db')
simulate 200
in_tree /play "${variables[@]}" -- wine repilot.exe enqueue ids.txt --yes --campaign two >/dev/null 2>&1
for number in 1 2; do
    in_tree /play "${variables[@]}" -- wine repilot.exe worker --until-empty >"$tree/play/worker$number" 2>&1 &
    workers[number]=$!
done
wait "${workers[@]}" || true
[ "$(counter applied) $(counter max_applied_per_device)" = "200 1" ] && says ok "two workers on one ledger call each device once" ||
    says FAIL "two workers on one ledger: $(counter applied) of 200, $(counter max_applied_per_device) a device"
expect 0 "whole" "the ledger is whole after two processes" -- ledger check
end_simulation

variables[2]=REPILOT_LEDGER__URL='C:\ledgers\killed.db'
simulate 200
in_tree /play "${variables[@]}" -- wine repilot.exe run ids.txt --yes --campaign killed >/dev/null 2>&1 &
run=$!
until_counter applied 50
# Wine's process is Unix', too: this is the end that TerminateProcess makes.
kill -9 "$(pgrep -P $run)"
wait $run || true
before=$(counter applied)
expect 0 "200 of 200" "a run that was killed at $before devices goes on" -- run ids.txt --yes --campaign killed
expect 0 "whole" "its ledger is whole" -- ledger check
end_simulation

variables[2]=REPILOT_LEDGER__URL='C:\ledgers\stopped.db'
simulate 200
rm -f "$tree/play/now"
console=("${terminal[@]}")
in_tree /play "${variables[@]}" -- wine signals.exe now 'Z:\play\repilot.exe' run ids.txt --yes --campaign stopped >"$tree/play/said" 2>&1 </dev/null &
stopped=$!
console=()
until_counter applied 30 && touch "$tree/play/now"
code=0
wait $stopped || code=$?
[ $code = 4 ] && [ "$(counter applied)" -lt 200 ] && says ok "Ctrl-C stops a run in order, exit code 4, at $(counter applied) of 200" ||
    says FAIL "Ctrl-C: exit code $code at $(counter applied)"
expect 0 "200 of 200" "and it goes on" -- run ids.txt --yes --campaign stopped
end_simulation

simulate 20
variables[2]=REPILOT_LEDGER__URL='C:\ledgers\told.db'
cat >"$tree/play/repilot.toml" <<'SETTINGS'
[notify.commands.file]
command = ["cmd.exe", "/c", "findstr campaign > told.txt"]
SETTINGS
rm -f "$tree/play/told.txt"
expect 0 "20 of 20" "a campaign with a command that is told" -- run ids.txt --yes --campaign told
grep -q '"told"' "$tree/play/told.txt" 2>/dev/null && says ok "the command got the message" || says FAIL "the command got no message"
rm "$tree/play/repilot.toml"
in_tree /play "${variables[@]}" -- wine repilot.exe dashboard --listen 127.0.0.1:18781 >"$tree/play/said" 2>&1 </dev/null &
until curl -sS http://127.0.0.1:18781/healthz >/dev/null 2>&1 || ! kill -0 $! 2>/dev/null; do sleep 0.1; done
link=$(grep -oE 'http://127.0.0.1:18781/[^ ]+' "$tree/play/said" | tr -d '\r' | head -1)
curl -sSL -c "$tree/play/jar" -b "$tree/play/jar" -X POST "$link" >/dev/null 2>&1 || true
curl -sSL -c "$tree/play/jar" -b "$tree/play/jar" "$link" | grep -q "<html" && says ok "the dashboard answers" || says FAIL "the dashboard does not answer: $link"
end_simulation

simulate 20
python3 tests/windows/entra.py 18782 &
started+=($!)
variables=(REPILOT_GRAPH__ROOT=$graph REPILOT_GRAPH__AUTHORITY=http://127.0.0.1:18782 REPILOT_LEDGER__URL='C:\ledgers\person.db')
expect 0 "alice@contoso.example" "a person signs in by a code" -- login --device-code
cp "$tree/play/said" "$tree/play/login"
expect 0 "20 of 20" "a campaign as that person" -- run ids.txt --yes --campaign person
expect 0 "alice@contoso.example" "the audit names that person" -- audit list person
expect 0 "" "signing out" -- logout
grep -iE "keyring|credential manager|file" "$tree/play/login" | sed 's/^/      /'
end_simulation

openssl req -x509 -newkey rsa:2048 -noenc -days 2 -subj /CN=app -keyout "$tree/play/app.key" -out "$tree/play/app.crt" 2>/dev/null
openssl pkcs12 -export -legacy -inkey "$tree/play/app.key" -in "$tree/play/app.crt" -passout pass:secret -out "$tree/play/app.pfx"
section=(REPILOT_TENANTS__CONTOSO__TENANT_ID=t REPILOT_TENANTS__CONTOSO__CLIENT_ID=c REPILOT_TENANTS__CONTOSO__CREDENTIAL=certificate REPILOT_GRAPH__AUTHORITY=https://127.0.0.1:9)
variables=("${section[@]}" REPILOT_TENANTS__CONTOSO__CERTIFICATE_FILE='Z:\play\app.pfx' REPILOT_TENANTS__CONTOSO__CERTIFICATE_PASSWORD_ENV=APP APP=secret)
expect 1 "CN=app, thumbprint" "a PFX is opened" -- check
variables=("${section[@]}" REPILOT_TENANTS__CONTOSO__CERTIFICATE_THUMBPRINT=0123456789012345678901234567890123456789)
expect 1 "has none of that thumbprint" "the certificate store is asked" -- check
[ $failed = 0 ] && echo "all is well" || echo "hint: the lines that say FAIL" >&2
exit $failed
