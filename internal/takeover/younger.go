package takeover

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// The words.
const (
	checked   = "checked"
	yours     = "yours"
	accepting = "accepting"
	healthy   = "healthy"
	wrong     = "wrong "
)

// maxWord is how many bytes a message may have.
const maxWord = 4096

// Older is the process that this one takes over from.
type Older struct {
	orders  *bufio.Reader
	answers *os.File
}

func newOlder(orders, answers *os.File) *Older {
	return &Older{bufio.NewReaderSize(orders, maxWord), answers}
}

// Await says that the configuration is good, and waits until the log is free. The error is that the older process is gone.
func (o *Older) Await() error {
	if _, err := io.WriteString(o.answers, checked+"\n"); err != nil {
		return fmt.Errorf("the server that was to be taken over is gone: %w", err)
	}
	line, err := o.orders.ReadString('\n')
	if err != nil || line != yours+"\n" {
		return errors.New("the server that was to be taken over has ended or thought better of it")
	}
	return nil
}

// Accepting says that connections are taken from now on. Where the older process is gone nobody hears it, and this one goes on.
func (o *Older) Accepting() { o.say(accepting) }

// Healthy says that this process serves.
func (o *Older) Healthy() { o.say(healthy) }

// Wrong says why it does not.
func (o *Older) Wrong(why error) { o.say(wrong + why.Error()) }

func (o *Older) say(word string) {
	word = strings.ReplaceAll(word, "\n", "; ")
	_, _ = io.WriteString(o.answers, word[:min(len(word), maxWord-1)]+"\n") // who is gone does not hear it
}
