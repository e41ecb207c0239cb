#!/bin/sh
# Authorities and certificates for etcd members and their clients, one folder for each of them in FOLDER:
#   certificates.sh FOLDER NAME=ADDRESS[,ADDRESS...] ... NAME ...
# NAME=ADDRESSES is a member, with the addresses by which others reach it; NAME alone is a client. What is there stays:
# to renew something remove its folder and run this again. Copy each folder to its machine; `authority` stays here.
set -eu
umask 077

days=${DAYS:-3650}
[ $# -ge 2 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
folder=$1
shift
authority=$folder/authority

# openssl wants a file of settings for each request; members of one list are told apart by their keys.
authority() { # NAME: clients and members have authorities of their own, so that no node can pose as a member
    [ -e "$authority/$1.key" ] && return
    printf '%s\n' '[req]' 'distinguished_name = dn' 'x509_extensions = ca' 'prompt = no' '[dn]' "O = gslb $1" '[ca]' \
        'basicConstraints = critical, CA:true, pathlen:0' 'keyUsage = critical, keyCertSign, cRLSign' \
        'subjectKeyIdentifier = hash' >"$authority/$1.cnf"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$days" \
        -config "$authority/$1.cnf" -keyout "$authority/$1.key" -out "$authority/$1.pem" 2>"$authority/log"
}

# No certificate has a common name: etcd takes it for a user, and its gateway refuses whoever has one.
certificate() { # AUTHORITY PATH ORGANISATION USAGE [ADDRESSES]
    printf '%s\n' '[req]' 'distinguished_name = dn' 'prompt = no' '[dn]' "O = $3" '[usage]' \
        'basicConstraints = critical, CA:false' 'keyUsage = critical, digitalSignature' "extendedKeyUsage = $4" \
        ${5:+"subjectAltName = $(alternatives "$5")"} >"$authority/request.cnf"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -config "$authority/request.cnf" -keyout "$2.key" -out "$authority/request.csr" 2>"$authority/log"
    openssl x509 -req -in "$authority/request.csr" -CA "$authority/$1.pem" -CAkey "$authority/$1.key" \
        -set_serial "0x$(openssl rand -hex 16)" -days "$days" \
        -extfile "$authority/request.cnf" -extensions usage -out "$2.pem" 2>"$authority/log"
}

alternatives() { # ADDRESSES: each as openssl writes it
    echo "$1" | tr ',' '\n' | while read -r one; do
        case $one in
        *:* | [0-9]*.[0-9]*.[0-9]*.[0-9]*) echo "IP:$one" ;;
        *) echo "DNS:$one" ;;
        esac
    done | paste -sd, -
}

mkdir -p "$authority"
trap 'status=$?; [ $status -eq 0 ] || cat "$authority/log" >&2; rm -f "$authority"/*.cnf "$authority/request.csr" "$authority/log"' EXIT
authority ca
authority peer-ca
for one in "$@"; do
    name=${one%%=*}
    place=$folder/$name
    [ ! -e "$place" ] || continue
    mkdir -p "$place.new"
    cp "$authority/ca.pem" "$place.new/"
    if [ "$name" = "$one" ]; then
        certificate ca "$place.new/client" "$name" clientAuth
    else # a member's gateway shows the certificate for clients to the member itself, and so is a client, too
        cp "$authority/peer-ca.pem" "$place.new/"
        certificate ca "$place.new/server" "$name" serverAuth,clientAuth "${one#*=},localhost,127.0.0.1"
        certificate peer-ca "$place.new/peer" "$name" serverAuth,clientAuth "${one#*=}"
    fi
    mv "$place.new" "$place"
    echo "made $place"
done
