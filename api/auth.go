package api

import (
	"bytes"
	"slices"

	"resound/protocol"
)

// arg is one query parameter as PHP reads it.
type arg struct {
	name, value []byte
	many        bool // it came as a list, name[]=…; value is joined with commas
}

// verify checks who sent the request.
func (r *request) verify() *protocol.Error {
	if !r.readQuery() {
		return protocol.ErrSignature.With("%s The query has more than %d parameters.", protocol.ErrSignature.Text, maxArgs)
	}
	given := r.arg("auth_signature")
	if given == nil || given.many || len(given.value) == 0 {
		return protocol.ErrSignature.With("%s The query has to have one auth_signature.", protocol.ErrSignature.Text)
	}
	app := r.app.Settings()
	if key := r.arg("auth_key"); key == nil || key.many || string(key.value) != app.Key {
		return protocol.ErrSignature.With("%s The auth_key is not the key of the application [%s]: check REVERB_APP_KEY and REVERB_APP_ID.",
			protocol.ErrSignature.Text, app.ID)
	}
	if !r.signedSomehow(given.value) {
		return r.badSignature()
	}
	return r.verifyTime()
}

// signedSomehow reports whether given is the signature of the request with its path in one of the ways that publishers write it.
func (r *request) signedSomehow(given []byte) bool {
	if r.signed(given, r.path) || len(r.prefix) > 0 && r.signed(given, slices.Concat(r.prefix, r.path)) {
		return true
	}
	// Some publishers sign the path before their HTTP client escapes it.
	if bytes.IndexByte(r.path, '%') < 0 {
		return false
	}
	path := unescape(r.path)
	return r.signed(given, path) || len(r.prefix) > 0 && r.signed(given, slices.Concat(r.prefix, path))
}

// signed reports whether given is the signature of the request with this path.
func (r *request) signed(given, path []byte) bool {
	r.params = r.params[:0]
	for _, a := range r.args {
		r.params = append(r.params, protocol.Param{Name: a.name, Value: a.value})
	}
	if r.digest != nil {
		return r.app.Signer().VerifyPromise(r.ctx.Method(), path, r.params, r.digest, given)
	}
	return r.app.Signer().VerifyRequest(r.ctx.Method(), path, r.params, r.body, given)
}

// badSignature says what was compared. Reverb's text comes first: people search for it.
func (r *request) badSignature() *protocol.Error {
	signed := slices.Concat(r.ctx.Method(), []byte{'\n'}, r.path, []byte{'\n'})
	return protocol.ErrSignature.With(`%s The string that was to be signed begins with "%s…": check REVERB_APP_ID, REVERB_APP_KEY and REVERB_APP_SECRET.`,
		protocol.ErrSignature.Text, printable(signed))
}

// readQuery reads the parameters. It reports false when there are too many.
func (r *request) readQuery() bool {
	for key, value := range r.ctx.QueryArgs().All() {
		name, many := baseName(key)
		a := r.arg(string(name))
		switch {
		case a == nil && len(r.args) == maxArgs:
			return false
		case a == nil:
			r.args = append(r.args, arg{name, value, many})
		case many && a.many:
			a.value = slices.Concat(a.value, []byte{','}, value)
		default:
			// The last one counts. A signature that came twice is refused.
			*a = arg{name, value, many || string(name) == "auth_signature"}
		}
	}
	return true
}

// arg returns the parameter of that name, or nil.
func (r *request) arg(name string) *arg {
	for i := range r.args {
		if string(r.args[i].name) == name {
			return &r.args[i]
		}
	}
	return nil
}

// baseName returns the name that PHP gives to "name[…]".
func baseName(key []byte) (name []byte, many bool) {
	if i := bytes.IndexByte(key, '['); i > 0 && key[len(key)-1] == ']' {
		return key[:i], true
	}
	return key, false
}

// query returns the text of a parameter, nil when it is not there once.
func (r *request) query(name string) []byte {
	if a := r.arg(name); a != nil && !a.many {
		return a.value
	}
	return nil
}
