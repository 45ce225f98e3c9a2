package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates.
type Authority struct {
	tb   testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New returns an authority that nobody knows yet.
func New(tb testing.TB) *Authority {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(tb), Subject: pkix.Name{CommonName: "an authority of tests"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return &Authority{tb, cert, key}
}

// Pool is what a client trusts.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// PEM is the authority's own certificate.
func (a *Authority) PEM() []byte { return encode("CERTIFICATE", a.cert.Raw) }

// Pair returns a certificate for names and addresses, and its key, both in PEM.
func (a *Authority) Pair(names ...string) (cert, key []byte) {
	return a.PairFrom(time.Now().Add(-time.Hour), time.Now().Add(time.Hour), names...)
}

// PairFrom is Pair for another time.
func (a *Authority) PairFrom(notBefore, notAfter time.Time, names ...string) (cert, key []byte) {
	a.tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.tb.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.tb.Fatal(err)
	}
	return a.sign(&private.PublicKey, notBefore, notAfter, names), encode("PRIVATE KEY", pkcs8)
}

// PairRSA is Pair with a key of RSA, as Herd and Valet have, in their form.
func (a *Authority) PairRSA(names ...string) (cert, key []byte) {
	a.tb.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		a.tb.Fatal(err)
	}
	return a.sign(&private.PublicKey, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), names),
		encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(private))
}

func (a *Authority) sign(public any, notBefore, notAfter time.Time, names []string) []byte {
	a.tb.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(a.tb), Subject: pkix.Name{CommonName: names[0]}, NotBefore: notBefore, NotAfter: notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		a.tb.Fatal(err)
	}
	return encode("CERTIFICATE", der)
}

// Certificate is Pair for crypto/tls.
func (a *Authority) Certificate(names ...string) tls.Certificate {
	a.tb.Helper()
	pair, err := tls.X509KeyPair(a.Pair(names...))
	if err != nil {
		a.tb.Fatal(err)
	}
	return pair
}

// Write writes a pair into dir, as name.crt and name.key, and returns their paths.
func (a *Authority) Write(dir, name string, cert, key []byte) (certFile, keyFile string) {
	a.tb.Helper()
	certFile, keyFile = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	for path, data := range map[string][]byte{certFile: cert, keyFile: key} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			a.tb.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			a.tb.Fatal(err)
		}
	}
	return certFile, keyFile
}

func serial(tb testing.TB) *big.Int {
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
