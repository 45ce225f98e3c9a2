package config

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"resound/internal/overload"
)

// memory reads how much the server may use: "auto", "off", or bytes in the forms that Go, Docker and systemd take.
type memory struct{}

func (memory) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	s, err := popText(ctx)
	if err != nil {
		return err
	}
	switch word := strings.ToLower(s); word {
	case "auto", "":
		target.SetString("auto")
		return nil
	case "off", "none", "0":
		target.SetString("off")
		return nil
	}
	n, ok := parseBytes(s)
	switch {
	case !ok:
		return fmt.Errorf("%q is not auto, off or a number of bytes such as 536870912 or 512MiB", s)
	case n < overload.MinBound:
		return fmt.Errorf("%d bytes are less than the %d that an idle server needs", n, overload.MinBound)
	}
	target.SetString(strconv.FormatUint(n, 10))
	return nil
}

// parseBytes reads a whole number with K, M, G or T behind it, with or without "iB" or "B": all are powers of 1,024.
func parseBytes(s string) (uint64, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	if inner, ok := strings.CutSuffix(s, "IB"); ok {
		s = inner
	} else {
		s = strings.TrimSuffix(s, "B")
	}
	shift := 0
	for i, unit := range []string{"K", "M", "G", "T"} {
		if inner, ok := strings.CutSuffix(s, unit); ok {
			s, shift = inner, 10*(i+1)
		}
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, false
	}
	return n << shift, true
}

// MemoryBytes is how much memory the server may use; 0 is any, and auto is what the control group or the machine has.
func (c *Config) MemoryBytes() (n uint64, auto bool) {
	n, _ = strconv.ParseUint(c.MemoryLimit, 10, 63)
	return n, c.MemoryLimit == "auto"
}

// proxies reads a list of those who are believed, in the words of Laravel's trusted proxies.
type proxies struct{}

func (proxies) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	list, err := popList(ctx, cleanProxy)
	if err == nil {
		target.Set(reflect.ValueOf(list))
	}
	return err
}

const (
	anyPeer    = "*"
	unixPeers  = "unix"
	privateNet = "PRIVATE_SUBNETS"
)

// privateSubnets are what Symfony, and so Laravel, means by that word, as far as a peer can be in them.
var privateSubnets = []string{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"}

func cleanProxy(entry string) (string, error) {
	switch {
	case entry == anyPeer, strings.EqualFold(entry, "REMOTE_ADDR"):
		return anyPeer, nil
	case strings.EqualFold(entry, unixPeers):
		return unixPeers, nil
	case strings.EqualFold(entry, privateNet):
		return privateNet, nil
	}
	if addr, err := netip.ParseAddr(entry); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()).String(), nil
	}
	p, err := netip.ParsePrefix(entry)
	switch {
	case err != nil || p.Addr().Is4In6():
		return "", fmt.Errorf("%q is not an address, a network such as 10.0.0.0/8, unix, PRIVATE_SUBNETS or *", entry)
	case p != p.Masked():
		return "", fmt.Errorf("%q is not a network: its address is %v", entry, p.Masked())
	}
	return p.String(), nil
}

// Proxies are those whose word counts for where a socket comes from.
type Proxies struct {
	Peer bool // whoever connects, and nobody behind
	Unix bool // who connects over a socket of the file system
	Nets []netip.Prefix
}

// Proxies returns the setting in a form to work with.
func (c *Config) Proxies() (p Proxies) {
	for _, entry := range c.TrustedProxies {
		switch entry {
		case anyPeer:
			p.Peer = true
		case unixPeers:
			p.Unix = true
		case privateNet:
			for _, n := range privateSubnets {
				p.Nets = append(p.Nets, netip.MustParsePrefix(n))
			}
		default:
			p.Nets = append(p.Nets, netip.MustParsePrefix(entry))
		}
	}
	return p
}

// noteProxies warns of limits for one address where all sockets come from one that is not known to be a proxy's.
func (s *sources) noteProxies(c *Config) {
	limit := "connection-rate"
	if c.ConnectionRate == 0 {
		limit = "connections-per-address"
	}
	p := c.Proxies()
	if c.ConnectionRate+c.ConnectionsPerAddress == 0 || p.Peer {
		return
	}
	note := func(who, trusted string) {
		s.notes = append(s.notes, fmt.Sprintf("%s: %s count as one address: name the proxy, --trusted-proxies=%s", s.at(limit), who, trusted))
	}
	if c.UnixSocket != "" && !p.Unix {
		note("all sockets over "+c.UnixSocket, unixPeers)
	}
	host := c.Host
	if host == "localhost" {
		host = "127.0.0.1"
	}
	addr, err := netip.ParseAddr(host)
	if err == nil && addr.IsLoopback() && !slices.ContainsFunc(p.Nets, func(n netip.Prefix) bool { return n.Contains(addr) }) {
		note("all sockets that come to "+c.Host, addr.String())
	}
}
