package engine

import (
	"bytes"
	"net/netip"
	"slices"
)

// Proxies are those whose word counts for where a socket comes from. The zero Proxies are none.
type Proxies struct {
	Peer bool           // whoever connects is one, and nobody behind
	Unix bool           // who connects over a socket of the file system is one
	Nets []netip.Prefix // these are
}

func (p *Proxies) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(p.Nets, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// client returns the address that a socket comes from: that of the peer, unless it is a proxy's. Of what proxies say, the
// rightmost address that is no proxy's counts, for who is before it may have written anything.
//
// X-Forwarded-For counts before X-Real-IP, and that before Forwarded: a proxy that writes one may pass on the others as they came.
func (p *Proxies) client(peer netip.Addr, o *opening) netip.Addr {
	if !p.Peer && !(peer.IsValid() && p.trusts(peer)) && !(!peer.IsValid() && p.Unix) {
		return peer
	}
	switch {
	case o.forwardedFor != nil:
		return p.rightmost(peer, o.forwardedFor, func(item []byte) []byte { return item })
	case o.realIP != nil:
		return p.rightmost(peer, o.realIP, func(item []byte) []byte { return item })
	case o.forwarded != nil:
		return p.rightmost(peer, o.forwarded, forwardedItem)
	}
	return peer
}

// rightmost walks a list from its end while those who are there are proxies. What is no address ends the walk: whoever wrote it
// is the last who is known.
func (p *Proxies) rightmost(last netip.Addr, list []byte, cut func(item []byte) []byte) netip.Addr {
	for len(list) > 0 {
		at := bytes.LastIndexByte(list, ',')
		item := bytes.Trim(list[at+1:], " \t")
		list = list[:max(at, 0)]
		addr, ok := parseAddress(cut(item))
		if !ok {
			return last
		}
		if last = addr; !p.trusts(addr) {
			return addr
		}
	}
	return last
}

// forwardedItem returns the value of for= in one element of Forwarded (RFC 7239).
func forwardedItem(item []byte) []byte {
	for pair := range bytes.SplitSeq(item, []byte{';'}) {
		name, value, _ := bytes.Cut(bytes.Trim(pair, " \t"), []byte{'='})
		if bytes.EqualFold(name, []byte("for")) {
			return bytes.Trim(value, `"`)
		}
	}
	return nil
}

// parseAddress reads an address, with a port or without one, and IPv6 in brackets or without.
func parseAddress(b []byte) (netip.Addr, bool) {
	const longest = len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%interface0123456]:65535")
	if len(b) == 0 || len(b) > longest {
		return netip.Addr{}, false
	}
	s := string(b)
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Unmap(), true
	}
	if with, err := netip.ParseAddrPort(s); err == nil {
		return with.Addr().Unmap(), true
	}
	if s[0] == '[' && s[len(s)-1] == ']' {
		addr, err := netip.ParseAddr(s[1 : len(s)-1])
		return addr.Unmap(), err == nil
	}
	return netip.Addr{}, false
}
