package apps

import (
	"fmt"
	"sync/atomic"
)

// Registry is the set of applications of a node. Any goroutine may read it;
// Replace swaps the whole set at once.
type Registry struct {
	index atomic.Pointer[index]
}

type index struct {
	list  []*App
	byID  map[string]*App
	byKey map[string]*App
}

// NewRegistry returns a registry of the given applications, or the error of Replace.
func NewRegistry(list ...*App) (*Registry, error) {
	r := new(Registry)
	return r, r.Replace(list...)
}

// Replace makes list the whole set. On an error the registry keeps what it had.
func (r *Registry) Replace(list ...*App) error {
	next := &index{
		list:  append([]*App(nil), list...),
		byID:  make(map[string]*App, len(list)),
		byKey: make(map[string]*App, len(list)),
	}
	for _, a := range list {
		if err := a.Validate(); err != nil {
			return fmt.Errorf("app %q: %w", a.ID, err)
		}
		if next.byID[a.ID] != nil {
			return fmt.Errorf("app id %q is there twice", a.ID)
		}
		if other := next.byKey[a.Key]; other != nil {
			return fmt.Errorf("apps %q and %q have the same key", other.ID, a.ID)
		}
		next.byID[a.ID], next.byKey[a.Key] = a, a
	}
	r.index.Store(next)
	return nil
}

// ByID returns the application with that id, or nil. It does not allocate.
func (r *Registry) ByID(id []byte) *App { return r.index.Load().byID[string(id)] }

// ByKey returns the application with that key, or nil. It does not allocate.
func (r *Registry) ByKey(key []byte) *App { return r.index.Load().byKey[string(key)] }

// All returns the applications in the order they were given. The slice is shared: do not change it.
func (r *Registry) All() []*App { return r.index.Load().list }
