package node

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"resound/internal/config"
)

// certificates are those that are served now. Any goroutine may use them.
type certificates struct {
	log     *slog.Logger
	current atomic.Pointer[certificateList]
}

// certificateList is never changed.
type certificateList struct {
	pairs  []tls.Certificate // the first is for whoever asks for no name that another has
	byName map[string]*tls.Certificate
}

// newCertificates reads what is configured; nil without TLS.
func newCertificates(c *config.Config, log *slog.Logger) (*certificates, error) {
	if !c.Secure() {
		return nil, nil
	}
	pairs, warnings, err := c.Certificates()
	if err != nil {
		return nil, err
	}
	s := &certificates{log: log}
	s.warn(warnings)
	s.current.Store(newCertificateList(pairs))
	return s, nil
}

func (s *certificates) warn(warnings []string) {
	for _, w := range warnings {
		s.log.Warn(w)
	}
}

func newCertificateList(pairs []tls.Certificate) *certificateList {
	l := &certificateList{pairs: pairs, byName: make(map[string]*tls.Certificate)}
	for i := range pairs {
		for _, name := range names(pairs[i].Leaf) {
			if name = strings.ToLower(name); l.byName[name] == nil {
				l.byName[name] = &pairs[i]
			}
		}
	}
	return l
}

// names are those that a certificate is for, with *. before those of a whole domain.
func names(leaf *x509.Certificate) []string {
	if len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0 && leaf.Subject.CommonName != "" {
		return []string{leaf.Subject.CommonName} // old ones have no other
	}
	return leaf.DNSNames
}

// config is what the engine serves.
func (s *certificates) config() *tls.Config {
	if s == nil {
		return nil
	}
	return &tls.Config{GetCertificate: s.choose}
}

// choose returns the certificate for the name that a client asks for: its own, that of its domain, or the first.
func (s *certificates) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	l := s.current.Load()
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if c := l.byName[name]; c != nil {
		return c, nil
	}
	if _, domain, ok := strings.Cut(name, "."); ok {
		if c := l.byName["*."+domain]; c != nil {
			return c, nil
		}
	}
	return &l.pairs[0], nil
}

// ReloadCertificates reads certificates again, where something may have changed. With a fault the ones before stay. Connections
// are not touched: a certificate is for the handshake.
func (n *Node) ReloadCertificates(t *config.TLS) {
	s := n.certificates
	if s == nil {
		return
	}
	pairs, warnings, err := t.Certificates()
	if err != nil {
		n.log.Error("the TLS certificates could not be reloaded, those before are served", "error", err)
		return
	}
	same := slices.EqualFunc(pairs, s.current.Load().pairs, func(a, b tls.Certificate) bool {
		return slices.EqualFunc(a.Certificate, b.Certificate, slices.Equal)
	})
	if same {
		return
	}
	s.warn(warnings)
	s.current.Store(newCertificateList(pairs))
	n.log.Info("the TLS certificates were reloaded", "certificates", describe(pairs))
}

// describe says which certificates those are, and until when.
func describe(pairs []tls.Certificate) string {
	var list []string
	for _, p := range pairs {
		list = append(list, fmt.Sprintf("%s until %s", strings.Join(names(p.Leaf), " "), p.Leaf.NotAfter.Format("2006-01-02")))
	}
	return strings.Join(list, ", ")
}
