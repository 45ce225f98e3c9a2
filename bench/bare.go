package bench

import (
	"fmt"
	"io"
	"net"

	"github.com/valyala/fasthttp"
)

// ServeBare is the server that the HTTP API is measured against: fasthttp as it
// comes, with a handler that answers {}. It writes its port to out, and returns
// when it fails.
func ServeBare(out io.Writer) error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, l.Addr().(*net.TCPAddr).Port, 0); err != nil {
		return err
	}
	answer := []byte("{}")
	return fasthttp.Serve(l, func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("application/json")
		_, _ = ctx.Write(answer)
	})
}
