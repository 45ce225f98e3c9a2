//go:build !linux

package sys

import (
	"syscall"
	"time"
)

// Event is one socket that has something: Fd is the number it was added under.
type Event struct {
	Events uint32
	Fd     int32
}

// What a socket is watched for, and what an Event says.
const (
	In     = 1
	Out    = 2
	Failed = 4
)

// Poller is missing here.
type Poller struct{}

// NewPoller fails.
func NewPoller() (Poller, error) { return Poller{}, ErrUnsupported }

// Add fails.
func (Poller) Add(fd int, id int32, events uint32) error { return ErrUnsupported }

// Change fails.
func (Poller) Change(fd int, id int32, events uint32) error { return ErrUnsupported }

// Wait fails.
func (Poller) Wait(events []Event, timeout int) (int, error) { return 0, ErrUnsupported }

// WaitFor fails.
func (Poller) WaitFor(events []Event, d time.Duration) (int, error) { return 0, ErrUnsupported }

// Close does nothing.
func (Poller) Close() {}

// Read fails.
func Read(fd int, b []byte) (n int, again bool, err error) { return 0, false, ErrUnsupported }

// Write fails.
func Write(fd int, b []byte) (n int, again bool, err error) { return 0, false, ErrUnsupported }

// Vector is missing here.
type Vector []struct{}

// MaxVector is how many slices one Writev may have.
const MaxVector = 1024

// NewVector returns nothing.
func NewVector(b []byte, n int) Vector { return nil }

// Writev fails.
func Writev(fd int, v Vector) (n int, again bool, err error) { return 0, false, ErrUnsupported }

// Listen fails.
func Listen(a Addr) (fd, port int, err error) { return 0, 0, ErrUnsupported }

// Accept fails.
func Accept(listener int) (fd int, again bool, err error) { return 0, false, ErrUnsupported }

// Dial fails.
func Dial(source [4]byte, to Addr, receive int) (fd int, err error) { return 0, ErrUnsupported }

// ConnectError fails.
func ConnectError(fd int) error { return ErrUnsupported }

// SetReceive does nothing.
func SetReceive(fd, bytes int) {}

// Reset does nothing.
func Reset(fd int) {}

// Close does nothing.
func Close(fd int) {}

// Affinity fails.
func Affinity() ([]int, error) { return nil, ErrUnsupported }

// Pin fails.
func Pin(cores ...int) error { return ErrUnsupported }

// Nice fails.
func Nice(priority int) error { return ErrUnsupported }

// ChildAttr are the attributes of a process in a session of its own.
func ChildAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
