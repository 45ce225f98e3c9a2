package node

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"resound/internal/apps"
	"resound/internal/demo"
)

var errNoApps = errors.New("no application is left: the ones before stay")

// demonstration is what runs as long as no application is configured.
type demonstration struct {
	node  *Node
	app   *apps.App
	pages http.Handler
	over  atomic.Bool   // a real application has come
	ended chan struct{} // closed when the publisher has ended

	cancel atomic.Pointer[context.CancelFunc] // ends the publisher; nil until it runs
}

// makeUp prepares the demo and returns its application.
func (n *Node) makeUp() (*apps.App, error) {
	made, err := demo.Credentials(n.config.DataDir)
	if err != nil {
		return nil, err
	}
	app := n.config.NewApp(made.ID, made.Key, made.Secret)
	n.demo = &demonstration{
		node: n, app: app, ended: make(chan struct{}),
		pages: demo.Handler(app, demo.Options{Prefix: n.config.Path, BaseURL: n.BaseURL, Log: n.log}),
	}
	return app, nil
}

// ServeHTTP serves the demo's pages while there is a demo.
func (d *demonstration) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.over.Load() {
		http.Error(w, "Not found.", http.StatusNotFound)
		return
	}
	d.pages.ServeHTTP(w, r)
}

// publish runs the demo's publisher until ctx or the demo ends.
func (d *demonstration) publish(ctx context.Context) {
	defer close(d.ended)
	ctx, cancel := context.WithCancel(ctx)
	d.cancel.Store(&cancel)
	defer cancel()
	if d.over.Load() {
		return
	}
	if err := demo.Run(ctx, d.app, d.node.BaseURL(), d.node.log); err != nil && ctx.Err() == nil {
		d.node.log.Error("the demo's publisher ended", "error", err)
	}
}

// Reload makes list the applications that are served. Connections of those that stay are not
// touched, those of the others are closed. An empty list, or one with a fault, changes nothing. The
// first real application ends the demo.
func (n *Node) Reload(list []*apps.App) error {
	n.move.mu.Lock() // what is kept is written beside the log
	defer n.move.mu.Unlock()
	if n.move.done {
		return nil // it is another process's to follow
	}
	if len(list) == 0 {
		return errNoApps
	}
	if err := n.followRules(list, false); err != nil {
		n.log.Error("pages that come back may not be told of a gap", "error", err)
	}
	if err := n.registry.Replace(list...); err != nil {
		return err
	}
	for _, gone := range n.engine.Hub().Update(list) {
		n.engine.Evict(gone)
	}
	if d := n.demo; d != nil && !d.over.Swap(true) {
		if cancel := d.cancel.Load(); cancel != nil {
			(*cancel)()
		}
	}
	return nil
}
