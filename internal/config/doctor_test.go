package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDoctorIsAsked(t *testing.T) {
	w := newWorld(t, "SET=outside", "EMPTY=").laravel(t, goodEnv+"SET=inside\nQUOTED=\"a b\"\nNONE=null\n")
	inv, err := w.parse("doctor", "--url=https://ws.shop.test", "--idle=40", "--strict", "--port=9000")
	if err != nil {
		t.Fatal(err)
	}
	d := inv.Doctor
	if d.URL != "https://ws.shop.test" || d.Idle != 40*time.Second || !d.Strict || inv.Config.Port != 9000 || len(inv.Findings) == 0 {
		t.Errorf("it is asked for %+v of %+v", d, inv.Config)
	}
	for name, want := range map[string][2]string{
		"SET":    {"outside", "SET in the environment"},
		"QUOTED": {"a b", "QUOTED in " + filepath.Join(w.dir, ".env") + ":15"},
		"EMPTY":  {"", "EMPTY in the environment"},
		"NONE":   {"", "NONE in " + filepath.Join(w.dir, ".env") + ":16"},
		"NOPE":   {"", ""},
	} {
		if value, place := d.Env(name); value != want[0] || place != want[1] {
			t.Errorf("%s is %q, %q", name, value, place)
		}
	}
}

// What is wrong is part of the report, as with check, and not the end of the command.
func TestDoctorGoesOn(t *testing.T) {
	w := newWorld(t).laravel(t, goodEnv+"REVERB_APP_PING_INTERVAL=x\n")
	inv, err := w.parse("doctor")
	if err != nil || !Broken(inv.Findings) || len(inv.Config.Apps()) != 1 {
		t.Errorf("%v: %+v", err, inv)
	}
}

// --project is the only way into a project that the working directory is not in; other paths stay as they are.
func TestDoctorOfAnotherProject(t *testing.T) {
	shop, here := newWorld(t).laravel(t, goodEnv), newWorld(t)
	shop.write(t, "resound.yaml", "port: 7000")
	for _, dir := range []string{shop.dir, filepath.Join(shop.dir, "public")} {
		inv, err := here.parse("doctor", "--project="+dir)
		if err != nil {
			t.Fatal(err)
		}
		if c := inv.Config; c.Project != shop.dir || c.EnvFile != filepath.Join(shop.dir, ".env") || c.ConfigFile != filepath.Join(shop.dir, "resound.yaml") || len(c.Apps()) != 1 {
			t.Errorf("from %s it is %q with %q and %q", dir, c.Project, c.EnvFile, c.ConfigFile)
		}
	}
	other := here.write(t, "other.env", strings.ReplaceAll(goodEnv, "1001", "2002"))
	inv, err := here.parse("doctor", "--project="+shop.dir, "--env-file=other.env")
	if err != nil || inv.Config.EnvFile != other || inv.Config.AppID != "2002" {
		t.Errorf("%v: %+v", err, inv)
	}
	if _, err := here.parse("doctor", "--project=."); err == nil || errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "there is no Laravel project in "+here.dir) {
		t.Errorf("a folder that is no project: %v", err)
	}
	if _, err := here.parse("check", "--project="+shop.dir); err == nil {
		t.Error("check has --project, too")
	}
}
