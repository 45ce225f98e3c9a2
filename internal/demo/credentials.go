package demo

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/goccy/go-json"

	"resound/internal/apps"
)

// credentialsFile is the name of the file in the directory given to Credentials.
const credentialsFile = "demo-app.json"

type credentials struct {
	ID     string `json:"id"`
	Key    string `json:"key"`
	Secret string `json:"secret"`
}

// Credentials returns the demo application of dir: the one kept in
// dir/demo-app.json, or a new one, written there first. A .env that somebody
// pasted the values into therefore goes on working after a restart. The file
// is for its owner only (0600, in a directory of 0700 if that had to be made).
//
// A file that is there and cannot be used is an error and stays as it is: its
// values may be in somebody's .env.
func Credentials(dir string) (*apps.App, error) {
	path := filepath.Join(dir, credentialsFile)
	raw, err := os.ReadFile(path)
	switch {
	case err == nil:
		return readCredentials(path, raw)
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR): // the directory's faults come up below
		return nil, fmt.Errorf("read the demo app: %w; make the file readable for this user, or remove it to get a new app", err)
	}
	c, err := newCredentials()
	if err != nil {
		return nil, err
	}
	if err := writeCredentials(path, c); err != nil {
		return nil, fmt.Errorf("keep the demo app in %s: %w; make the directory writable, choose another one, or configure an app of your own", dir, err)
	}
	return apps.New(c.ID, c.Key, c.Secret), nil
}

func readCredentials(path string, raw []byte) (*apps.App, error) {
	var c credentials
	err := json.Unmarshal(raw, &c)
	if err == nil {
		app := apps.New(c.ID, c.Key, c.Secret)
		if err = app.Validate(); err == nil {
			return app, nil
		}
	}
	return nil, fmt.Errorf("the demo app in %s is damaged: %w; repair it, or remove it to get a new app with a new key and secret", path, err)
}

// newCredentials draws an id, a key and a secret in the shapes that Reverb's
// installer gives them: six digits, and lower-case letters and digits.
func newCredentials() (credentials, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(900_000))
	if err != nil {
		return credentials{}, fmt.Errorf("draw a demo app: %w", err)
	}
	return credentials{
		ID:     fmt.Sprint(100_000 + n.Int64()),
		Key:    strings.ToLower(rand.Text()),
		Secret: strings.ToLower(rand.Text()),
	}, nil
}

// writeCredentials puts the file there whole or not at all: a power cut between
// two starts must not leave half a secret behind.
func writeCredentials(path string, c credentials) (err error) {
	dir := filepath.Dir(path)
	if err := MakeDir(dir); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, credentialsFile+".*") // 0600 by contract
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(append(raw, '\n')); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// MakeDir makes the data directory if it is not there, with a .gitignore: Laravel's
// own does not cover a directory of ours under storage, and secrets are kept in it.
func MakeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("*\n"), 0o600)
}
