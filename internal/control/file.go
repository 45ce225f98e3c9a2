package control

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goccy/go-json"
)

// FileName is the file in the data directory that says where the endpoint of the running server is.
const FileName = "control.json"

// place is what the file says.
type place struct {
	Address string `json:"address"` // host:port
	Token   string `json:"token"`   // whoever knows it may do everything
	PID     int    `json:"pid"`
}

// write puts the file into the directory, readable for its owner only. It is there whole or not at all.
func (p place) write(dir string) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, FileName+".*") // has mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, FileName))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one that says why
	}
	return err
}

// remove takes the file away if it still is this one: another server may have written its own since.
func (p place) remove(dir string) error {
	switch now, err := readPlace(dir); {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case now != p:
		return nil
	}
	return os.Remove(filepath.Join(dir, FileName))
}

// readPlace reads the file of the directory.
func readPlace(dir string) (p place, err error) {
	path := filepath.Join(dir, FileName)
	text, err := os.ReadFile(path)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(text, &p); err != nil || p.Address == "" || p.Token == "" {
		return p, fmt.Errorf("%s says nowhere where a server is", path)
	}
	return p, nil
}
