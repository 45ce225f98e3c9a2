package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"resound/internal/certtest"
)

func TestTLSSettings(t *testing.T) {
	for name, tc := range map[string]struct {
		env, args []string
		file      string
		certs     []string
		port      int
	}{
		"flags":       {args: []string{"--tls-cert=a.crt", "--tls-key=a.key", "--tls-cert=b.crt", "--tls-key=b.key", "--tls-port=8443"}, certs: []string{"a.crt", "b.crt"}, port: 8443},
		"environment": {env: []string{"RESOUND_TLS_CERT=a.crt, b.crt", "RESOUND_TLS_KEY=a.key,b.key", "RESOUND_TLS_PORT=8443"}, certs: []string{"a.crt", "b.crt"}, port: 8443},
		"file":        {file: "tls_cert: [a.crt, b.crt]\ntls_key: [a.key, b.key]\ntls_port: 8443\n", certs: []string{"a.crt", "b.crt"}, port: 8443},
		"one":         {file: "tls_cert: a.crt\ntls_key: a.key\n", certs: []string{"a.crt"}, port: 8080},
	} {
		w := newWorld(t, tc.env...)
		w.write(t, "resound.yaml", tc.file)
		c := w.start(t, tc.args...)
		var got []string
		for i, file := range c.TLSCert {
			got = append(got, filepath.Base(file))
			if !filepath.IsAbs(file) || strings.TrimSuffix(file, ".crt") != strings.TrimSuffix(c.TLSKey[i], ".key") {
				t.Errorf("%s: %s and %s", name, file, c.TLSKey[i])
			}
		}
		if !slices.Equal(got, tc.certs) || c.SecurePort() != tc.port || c.PublicPort != tc.port || c.Scheme != "https" || c.OnlySecure() != (tc.port == 8080) {
			t.Errorf("%s: %q on %d, browsers at %s %d", name, got, c.SecurePort(), c.Scheme, c.PublicPort)
		}
	}
	for args, want := range map[string]string{
		"--tls-cert=a.crt": "1 certificates (flag --tls-cert) and 0 keys",
		"--tls-port=8443":  "no certificate for port 8443",
		"--tls-cert=a --tls-key=b --tls-port=9 --port=9":      "already",
		"--unix-socket=x --unix-socket-mode=rw":               "not a mode",
		"--unix-socket=x --unix-socket-mode=01777":            "not a mode",
		"--tls-cert=a.crt,b.crt --tls-key=a.key --tls-port=1": "2 certificates",
	} {
		if _, err := newWorld(t).parse(append([]string{"start"}, strings.Fields(args)...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// Where Reverb looks, and with its rule: both files are there, Herd before Valet. What is set explicitly wins.
func TestCertificatesOfHerdAndValet(t *testing.T) {
	home := t.TempDir()
	herd, valet := filepath.Join(home, "Library/Application Support/Herd/config/valet/Certificates"), filepath.Join(home, ".config/valet/Certificates")
	ca := certtest.New(t)
	write := func(dir, name string) {
		cert, key := ca.PairRSA(name)
		ca.Write(dir, name, cert, key)
	}
	write(valet, "shop.test")
	write(valet, "both.test")
	write(herd, "both.test")
	write(herd, "half.test")
	if err := os.Remove(filepath.Join(herd, "half.test.key")); err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{"shop.test": valet, "both.test": herd, "half.test": "", "none.test": "", "../Certificates/shop.test": "", "": ""} {
		w := newWorld(t, "HOME="+home).laravel(t, "REVERB_HOST="+host+"\n")
		c, err := w.parse("start")
		switch {
		case err != nil && strings.Contains(host, "/"):
		case err != nil:
			t.Errorf("%s: %v", host, err)
		case want == "" && c.Config.Secure():
			t.Errorf("%s: %q", host, c.Config.TLSCert)
		case want != "" && !reflect.DeepEqual(c.Config.TLSCert, []string{filepath.Join(want, host+".crt")}):
			t.Errorf("%s: %q", host, c.Config.TLSCert)
		case want != "":
			if list, _, err := c.Config.Certificates(); err != nil || list[0].Leaf.VerifyHostname(host) != nil {
				t.Errorf("%s: %v", host, err)
			}
		}
	}
	c := newWorld(t, "HOME="+home).start(t, "--hostname=shop.test", "--tls-cert=a.crt", "--tls-key=a.key")
	if len(c.TLSCert) != 1 || filepath.Base(c.TLSCert[0]) != "a.crt" {
		t.Errorf("%q", c.TLSCert)
	}
}

func TestCertificatesThatDoNotFit(t *testing.T) {
	ca, dir := certtest.New(t), t.TempDir()
	cert, key := ca.Pair("a.test")
	_, other := ca.Pair("b.test")
	_, rsa := ca.PairRSA("b.test")
	old, oldKey := ca.PairFrom(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour), "a.test")
	early, earlyKey := ca.PairFrom(time.Now().Add(time.Hour), time.Now().Add(2*time.Hour), "a.test")
	locked := []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	locked1 := []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n")
	for name, tc := range map[string]struct {
		cert, key     []byte
		fault, warned string
	}{
		"right":          {cert, key, "", ""},
		"another key":    {cert, other, "the key is another certificate's (it has to be the one for a.test)", ""},
		"another kind":   {cert, rsa, "the key is another certificate's", ""},
		"wrong order":    {key, cert, "are they in the wrong order?", ""},
		"twice":          {cert, cert, "are they in the wrong order?", ""},
		"no pem":         {[]byte("x"), key, "failed to find any PEM data", ""},
		"passphrase":     {cert, locked, "openssl pkey -in", ""},
		"old passphrase": {cert, locked1, "openssl pkey -in", ""},
		"expired":        {old, oldKey, "", "has expired on"},
		"not yet":        {early, earlyKey, "", "is not valid before"},
	} {
		certFile, keyFile := ca.Write(dir, "pair", tc.cert, tc.key)
		list, warnings, err := (&TLS{TLSCert: []string{certFile}, TLSKey: []string{keyFile}}).Certificates()
		switch {
		case tc.fault != "":
			if err == nil || !strings.Contains(err.Error(), tc.fault) || !strings.Contains(err.Error(), keyFile) {
				t.Errorf("%s: %v", name, err)
			}
		case err != nil || len(list) != 1:
			t.Errorf("%s: %v", name, err)
		case tc.warned == "" && len(warnings) > 0, tc.warned != "" && (len(warnings) != 1 || !strings.Contains(warnings[0], tc.warned)):
			t.Errorf("%s: %q", name, warnings)
		}
	}
	_, _, err := (&TLS{TLSCert: []string{filepath.Join(dir, "none")}, TLSKey: []string{"x"}}).Certificates()
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "none")) {
		t.Errorf("a file that is not there: %v", err)
	}
}
