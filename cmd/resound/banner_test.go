package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"resound/internal/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with the file and shows both when they differ.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it)\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

func realBanner() banner {
	return banner{
		Host: "0.0.0.0", Port: 8080, Path: "/ws", Hostname: "shop.test",
		Version: "resound v0.1.0 (go1.26.8, linux/amd64, commit 0c8fd215c10f)",
		Loops:   2, Files: 1048576, Log: "kept in /srv/shop/storage/resound/log (durability process)",
		AppID: "1001", AppKey: "shop-key",
		Warnings: []string{"REVERB_SEVER_PORT in /srv/shop/.env:4 is not a setting; did you mean REVERB_SERVER_PORT?"},
		Terminal: true,
	}
}

func demoModeBanner() banner {
	b := realBanner()
	b.Path, b.Hostname, b.Warnings = "", "", nil
	b.AppID, b.AppKey = "482913", "demo-key"
	b.Demo = &demoBanner{
		Secret: "demo-secret", URL: "http://localhost:8080/",
		PublicHost: "localhost", PublicPort: 8080, Scheme: "http",
	}
	return b
}

func printed(t *testing.T, b banner) string {
	t.Helper()
	var out bytes.Buffer
	if err := printBanner(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestBannerGolden(t *testing.T) {
	golden(t, "banner-app.txt", []byte(printed(t, realBanner())))
	b := realBanner()
	b.Log, b.Cluster = "kept in Redis", "reverb:1001: at redis.internal:6379, 2 other servers"
	golden(t, "banner-cluster.txt", []byte(printed(t, b)))
	golden(t, "banner-demo.txt", []byte(printed(t, demoModeBanner())))
}

func TestBannerFirstLineIsReverbs(t *testing.T) {
	for _, tc := range []struct {
		b    banner
		want string
	}{
		{banner{Host: "0.0.0.0", Port: 8080}, "Starting server on 0.0.0.0:8080"},
		{banner{Host: "127.0.0.1", Port: 80, Path: "/ws", Hostname: "a.test"}, "Starting server on 127.0.0.1:80/ws (a.test)"},
		{banner{Host: "0.0.0.0", Port: 443, Secure: true, Hostname: "a.test"}, "Starting secure server on 0.0.0.0:443 (a.test)"},
		{banner{Host: "::", Port: 8080}, "Starting server on [::]:8080"},
	} {
		// Off a terminal this line is all there is.
		if got := printed(t, tc.b); got != tc.want+"\n" {
			t.Errorf("off a terminal: %q, want the line %q", got, tc.want)
		}
		tc.b.Terminal = true
		if first, _, _ := strings.Cut(printed(t, tc.b), "\n"); first != tc.want {
			t.Errorf("first line %q, want %q", first, tc.want)
		}
	}
}

func TestBannerColoursOnlyWhenAsked(t *testing.T) {
	sgr := regexp.MustCompile("\x1b\\[[0-9]+m")
	for _, b := range []banner{realBanner(), demoModeBanner()} {
		plain := printed(t, b)
		if strings.Contains(plain, "\x1b") {
			t.Error("there is an escape sequence without colours")
		}
		b.Color = true
		coloured := printed(t, b)
		if !sgr.MatchString(coloured) {
			t.Error("there is no colour with colours on")
		}
		if sgr.ReplaceAllString(coloured, "") != plain {
			t.Error("colours change the text")
		}
	}
}

// What a person copies from the terminal must be read back as the same application.
func TestEnvBlockIsReadBack(t *testing.T) {
	b := demoModeBanner()
	b.Path = "/ws"
	dir := t.TempDir()
	for name, text := range map[string]string{"artisan": "", ".env": strings.Join(b.envBlock(), "\n") + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inv, err := config.Parse([]string{"start"}, config.Options{Stdout: os.Stdout, Stderr: os.Stderr, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c := inv.Config
	list := c.Apps()
	if len(list) != 1 {
		t.Fatalf("read back as %d applications", len(list))
	}
	if app := list[0]; app.ID != b.AppID || app.Key != b.AppKey || app.Secret != b.Demo.Secret {
		t.Errorf("read back as %+v", app)
	}
	if c.Hostname != "localhost" || c.PublicPort != 8080 || c.Scheme != "http" || c.Path != "/ws" {
		t.Errorf("the public side is %s %d %s %s", c.Hostname, c.PublicPort, c.Scheme, c.Path)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("it warns of its own block: %v", c.Warnings)
	}
}
