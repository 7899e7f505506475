#!/bin/sh
# Applies what the DHCP client got to its interface and leaves it as "address prefix router resolvers".
# The file named by LAB_LEASE exists exactly as long as the lease.
case "$1" in
bound | renew)
    ip address replace "$ip/$mask" dev "$interface"
    [ -n "$router" ] && ip route replace default via "${router%% *}" dev "$interface"
    echo "$ip $mask ${router:--} $dns" >"$LAB_LEASE.new"
    mv "$LAB_LEASE.new" "$LAB_LEASE"
    ;;
deconfig)
    rm -f "$LAB_LEASE"
    ip -4 address flush dev "$interface"
    ;;
esac
