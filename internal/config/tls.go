package config

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// TLS is what the server speaks itself.
type TLS struct {
	// TLSCert and TLSKey are absolute, of the same length, and empty without TLS. They have what was found by Hostname, too.
	TLSCert []string `name:"tls-cert" group:"tls" placeholder:"FILE,..." type:"files" env:"RESOUND_TLS_CERT" help:"Certificate in PEM, with those of its issuers behind it: the port speaks https and wss. Several with commas between them or by several flags; the name that the client asks for chooses, and the first is for all others. Changed files are read again at once. Default: the one that Herd or Valet has for --hostname, as Reverb does it, else none."`
	TLSKey  []string `name:"tls-key" group:"tls" placeholder:"FILE,..." type:"files" env:"RESOUND_TLS_KEY" help:"Its private key in PEM, without a passphrase; as many as there are certificates, in the same order."`
	TLSPort int      `name:"tls-port" group:"tls" placeholder:"PORT" type:"number" max:"65535" default:"0" zero:"on the port of the server" env:"RESOUND_TLS_PORT" help:"Speak TLS on that port, and plain HTTP and WebSocket on the other. Default: TLS on the one port, where there is a certificate."`

	// UnixSocket is absolute, or "".
	UnixSocket string `name:"unix-socket" group:"tls" placeholder:"FILE" env:"RESOUND_UNIX_SOCKET" help:"Also listen on that socket, without TLS, for a proxy on the same machine. Default: no."`
	UnixMode   string `name:"unix-socket-mode" group:"tls" placeholder:"MODE" type:"mode" default:"0660" env:"RESOUND_UNIX_SOCKET_MODE" help:"Who may connect there, as for chmod (default ${default})."`
}

// Secure reports whether the server speaks TLS, on whichever port.
func (t *TLS) Secure() bool { return len(t.TLSCert) > 0 }

// SecurePort returns the port of TLS, given that of the server; 0 is none.
func (c *Config) SecurePort() int {
	switch {
	case !c.Secure():
		return 0
	case c.TLSPort == 0:
		return c.Port
	}
	return c.TLSPort
}

// OnlySecure reports whether the server's own port speaks TLS.
func (t *TLS) OnlySecure() bool { return t.Secure() && t.TLSPort == 0 }

// UnixPermissions are those of the socket.
func (t *TLS) UnixPermissions() os.FileMode {
	mode, _ := parseMode(t.UnixMode) // it was checked
	return mode
}

// Certificates reads the certificates with their keys. warnings are for certificates that browsers will not take, but that are
// nobody's mistake here.
func (t *TLS) Certificates() (list []tls.Certificate, warnings []string, err error) {
	for i, certFile := range t.TLSCert {
		pair, warning, err := loadPair(certFile, t.TLSKey[i])
		if err != nil {
			return nil, nil, err
		}
		list = append(list, pair)
		if warning != "" {
			warnings = append(warnings, warning)
		}
	}
	return list, warnings, nil
}

// loadPair reads one certificate with its key.
func loadPair(certFile, keyFile string) (pair tls.Certificate, warning string, err error) {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return pair, "", fmt.Errorf("the TLS certificate: %w", readError(certFile, err))
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return pair, "", fmt.Errorf("the TLS key: %w", readError(keyFile, err))
	}
	if err := checkKey(key, keyFile); err != nil {
		return pair, "", err
	}
	pair, err = tls.X509KeyPair(cert, key)
	if err != nil {
		return pair, "", fmt.Errorf("the TLS certificate %s and the key %s do not work together: %s", certFile, keyFile, whyNoPair(cert, err))
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return pair, "", fmt.Errorf("the TLS certificate %s: %w", certFile, err)
	}
	pair.Leaf = leaf
	switch now := time.Now(); {
	case now.After(leaf.NotAfter):
		warning = fmt.Sprintf("the TLS certificate %s has expired on %s: clients will refuse it", certFile, leaf.NotAfter.Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		warning = fmt.Sprintf("the TLS certificate %s is not valid before %s: clients will refuse it", certFile, leaf.NotBefore.Format(time.DateTime))
	}
	return pair, warning, nil
}

// checkKey finds what crypto/tls has no good words for.
func checkKey(data []byte, file string) error {
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return fmt.Errorf("the TLS key %s has a passphrase, and nobody is there to type it: take it off with\n  openssl pkey -in %s -out plain.key && chmod 600 plain.key", file, file)
		}
	}
}

// whyNoPair says in our words what does not fit.
func whyNoPair(cert []byte, err error) string {
	text := strings.TrimPrefix(err.Error(), "tls: ")
	switch {
	case strings.Contains(text, "does not match public key"), strings.Contains(text, "type does not match"):
		return "the key is another certificate's" + subject(cert)
	case strings.Contains(text, "found a certificate rather than a key"):
		return "the second is a certificate, too; are they in the wrong order?"
	case strings.Contains(text, "failed to find certificate PEM data in certificate input, but did find a private key"):
		return "the first is a key; are they in the wrong order?"
	}
	return text
}

// subject names the certificate that a key is looked for.
func subject(cert []byte) string {
	block, _ := pem.Decode(cert)
	if block == nil {
		return ""
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil || len(leaf.DNSNames) == 0 {
		return ""
	}
	return " (it has to be the one for " + leaf.DNSNames[0] + ")"
}

// secure completes what is said of TLS: absolute paths, and what Herd or Valet has.
func (s *sources) secure(c *Config) error {
	if len(c.TLSCert) != len(c.TLSKey) {
		return fmt.Errorf("TLS: there are %d certificates (%s) and %d keys (%s): each certificate needs its own key", len(c.TLSCert), s.at("tls-cert"), len(c.TLSKey), s.at("tls-key"))
	}
	for _, list := range [][]string{c.TLSCert, c.TLSKey} {
		for i, file := range list {
			list[i] = s.abs(file)
		}
	}
	if cert, key := s.found(c.Hostname); len(c.TLSCert) == 0 && cert != "" {
		c.TLSCert, c.TLSKey = []string{cert}, []string{key}
		s.origin["tls-cert"] = origin{place: "found by " + s.at("hostname")}
		s.origin["tls-key"] = s.origin["tls-cert"]
	}
	for _, file := range slices.Concat(c.TLSCert, c.TLSKey) {
		s.places = append(s.places, file)
		if data, err := os.ReadFile(file); err == nil { // what is wrong with it is said when it is used
			s.sums[file] = sha256.Sum256(data)
		}
	}
	if c.UnixSocket != "" {
		c.UnixSocket = s.abs(c.UnixSocket)
	}
	switch {
	case c.TLSPort != 0 && !c.Secure():
		return fmt.Errorf("%s: there is no certificate for port %d: set RESOUND_TLS_CERT and RESOUND_TLS_KEY", s.at("tls-port"), c.TLSPort)
	case c.TLSPort != 0 && c.TLSPort == c.Port:
		return fmt.Errorf("%s: %d is the port of plain HTTP already; leave it out to have TLS alone there", s.at("tls-port"), c.TLSPort)
	}
	if c.Secure() && s.origin["scheme"].place == "" {
		c.Scheme = "https"
		if c.PublicPort == 0 {
			c.PublicPort = c.SecurePort()
		}
	}
	return nil
}

// found returns the certificate that Herd or Valet has for a host, where Reverb looks for it; "" is none.
func (s *sources) found(hostname string) (cert, key string) {
	home := s.environ["HOME"]
	if hostname == "" || home == "" {
		return "", ""
	}
	for _, dir := range []string{
		filepath.Join(home, "Library", "Application Support", "Herd", "config", "valet", "Certificates"),
		filepath.Join(home, ".config", "valet", "Certificates"),
	} {
		cert, key = filepath.Join(dir, hostname+".crt"), filepath.Join(dir, hostname+".key")
		if isFile(cert) && isFile(key) {
			return cert, key
		}
	}
	return "", ""
}

// certificates looks at them for `resound check`.
func (i *inspection) certificates() {
	c := i.c
	if !c.Secure() {
		return
	}
	list, warnings, err := c.Certificates()
	if err != nil {
		i.add(Error, "", "%v", err)
		return
	}
	for _, w := range warnings {
		i.add(Warning, "renew it", "%s", w)
	}
	if !slices.ContainsFunc(list, func(p tls.Certificate) bool { return p.Leaf.VerifyHostname(c.PublicHost()) == nil }) {
		i.add(Warning, "get one for that name, or set REVERB_HOST to a name that it has", "no TLS certificate is for %s, where browsers are sent", c.PublicHost())
	}
	i.ok("TLS is spoken on port %d, with %s", c.SecurePort(), strings.Join(c.TLSCert, ", "))
}

// files reads paths with commas between them. Several flags make one list.
type files struct{}

func (files) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popText(ctx)
	if err != nil {
		return err
	}
	list, _ := target.Interface().([]string)
	for file := range strings.SplitSeq(text, ",") {
		if file = strings.TrimSpace(file); file != "" {
			list = append(list, file)
		}
	}
	target.Set(reflect.ValueOf(list))
	return nil
}

// mode reads permissions as chmod does.
type mode struct{}

func (mode) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popText(ctx)
	if err == nil {
		_, err = parseMode(text)
	}
	target.SetString(text)
	return err
}

func parseMode(text string) (os.FileMode, error) {
	var n uint32
	if _, err := fmt.Sscanf(text, "%o", &n); err != nil || n > 0o777 || strings.Trim(text, "01234567") != "" {
		return 0, errors.New(text + " is not a mode such as 0660")
	}
	return os.FileMode(n), nil
}
