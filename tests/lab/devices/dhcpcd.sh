#!/bin/sh
# Leaves what dhcpcd got as "address prefix router resolvers"; dhcpcd itself has set address and route.
case "$reason" in
BOUND | RENEW | REBIND | REBOOT)
    echo "$new_ip_address $new_subnet_cidr ${new_routers:--} $new_domain_name_servers" >"$LAB_LEASE.new"
    mv "$LAB_LEASE.new" "$LAB_LEASE"
    ;;
EXPIRE | FAIL | RELEASE | STOP | NAK) rm -f "$LAB_LEASE" ;;
esac
