package auth

import (
	"fmt"
	"net/netip"
	"slices"
)

// MaxNetworks bounds the networks of an API key.
const MaxNetworks = 16

// Networks are where an API key may be used from; none are anywhere.
type Networks []netip.Prefix

// ParseNetwork reads a network of IPv4 or IPv6 (10.1.0.0/16, 2001:db8::/32) or a single address. Bits beyond the prefix are
// cleared, and IPv4 written as IPv6 (::ffff:10.1.0.0/112) is IPv4.
func ParseNetwork(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		single, fault := netip.ParseAddr(text)
		if fault != nil || single.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%.50q is neither an address nor a network", text)
		}
		p = netip.PrefixFrom(single, single.BitLen())
	}
	const mapped = 96 // bits of ::ffff:0:0/96
	if p.Addr().Is4In6() {
		if p.Bits() < mapped {
			return netip.Prefix{}, fmt.Errorf("%.50q is partly IPv4 and partly not", text)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.Masked(), nil
}

// ParseAddress reads where a request comes from as Networks compare it; the zero address is in no network.
func ParseAddress(text string) netip.Addr {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// Allow reports whether somebody at an address, as ParseAddress returns it, may use the key.
func (n Networks) Allow(from netip.Addr) bool {
	return len(n) == 0 || slices.ContainsFunc(n, func(p netip.Prefix) bool { return p.Contains(from) })
}
