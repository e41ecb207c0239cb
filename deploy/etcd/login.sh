#!/bin/sh
# Give etcd a login for gslb that may use one prefix alone, and let nobody in without one. Once, for the whole cluster:
#   login.sh ENDPOINT TLS ROOT_PASSWORD_FILE GSLB_PASSWORD_FILE [PREFIX]
# TLS is the folder of a client as certificates.sh makes it. root is for people: it may do everything. A password is one
# line without spaces, as `openssl rand -hex 16` makes it.
set -eu

[ $# -ge 4 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
endpoint=$1 tls=$2 root=$3 gslb=$4 prefix=${5:-/gslb}
export ETCDCTL_API=3

for file in "$root" "$gslb"; do # etcdctl would take what is before a space
    grep -qx '[^[:space:]]\{1,\}' "$file" && [ "$(wc -l <"$file")" -le 1 ] ||
        { echo "$file: must be one line without spaces" >&2; exit 2; }
done

ask() { etcdctl --endpoints "$endpoint" --cacert "$tls/ca.pem" --cert "$tls/client.pem" --key "$tls/client.key" "$@"; }

ask user add root --interactive=false <"$root"
ask role add root
ask user grant-role root root
ask user add gslb --interactive=false <"$gslb"
ask role add gslb
ask role grant-permission --prefix=true gslb readwrite "$prefix/"
ask user grant-role gslb gslb
ask auth enable
