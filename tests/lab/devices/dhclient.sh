#!/bin/sh
# Applies what dhclient got to its interface and leaves it as "address prefix router resolvers".
case "$reason" in
PREINIT) ip link set dev "$interface" up ;;
BOUND | RENEW | REBIND | REBOOT)
    ip address replace "$new_ip_address/$new_subnet_mask" dev "$interface"
    [ -n "$new_routers" ] && ip route replace default via "${new_routers%% *}" dev "$interface"
    echo "$new_ip_address $new_subnet_mask ${new_routers:--} $new_domain_name_servers" >"$LAB_LEASE.new"
    mv "$LAB_LEASE.new" "$LAB_LEASE"
    ;;
EXPIRE | FAIL | RELEASE | STOP)
    rm -f "$LAB_LEASE"
    ip -4 address flush dev "$interface"
    ;;
esac
exit 0
