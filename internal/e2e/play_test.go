package e2e

import (
	"bytes"
	"compress/flate"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/valyala/fasthttp"

	"resound/api"
	"resound/engine"
	"resound/internal/apps"
	"resound/persist"
	"resound/protocol"
	"resound/protocol/ws"
)

// The application of every transcript.
const (
	appID     = "1001"
	appKey    = "app-key"
	appSecret = "app-secret"
)

// stage is a node on sockets in memory, with the clients of one transcript.
type stage struct {
	t        *testing.T
	registry *apps.Registry
	manual   *engine.Manual
	api      *api.Server
	signer   *protocol.Signer
	clients  []*actor // in the order they came
	log      *persist.Log
	dir      string   // of the log; "" without one
	epochs   []string // tokens of replay, in the order they came
}

// actor is one client of a transcript.
type actor struct {
	name    string
	wire    *engine.Wire
	id      protocol.SocketID
	decoder ws.Decoder
	unread  []byte
	raw     bool // has had no 101 yet
	half    bool // has been told of the half-close
	ended   bool // has been told of the end
}

// newStage makes a node of the arguments of a transcript's "node" line, which settings checks.
func newStage(t *testing.T, d *datadriven.TestData) *stage {
	dir := ""
	if d.HasArg("log") {
		dir = t.TempDir()
	}
	return stageIn(t, d, dir)
}

// stageIn is newStage with the log in dir, or without one.
func stageIn(t *testing.T, d *datadriven.TestData, dir string) *stage {
	app := settings(t, d)
	options := engine.Options{Loops: 1, Log: slog.New(slog.DiscardHandler)}
	for _, arg := range d.CmdArgs {
		value := strings.Join(arg.Vals, ",")
		switch arg.Key {
		case "loops":
			options.Loops = atoi(t, value)
		case "backlog":
			options.Backlog = atoi(t, value)
		case "prefix":
			options.PathPrefix = value
		}
	}
	registry, err := apps.NewRegistry(app)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	options.Registry = registry
	m := engine.NewManual(options)
	s := &stage{
		t: t, manual: m, registry: registry, signer: protocol.NewSigner(appKey, appSecret),
		api: api.New(api.Options{
			Registry: registry, Hub: m.Hub(), PathPrefix: options.PathPrefix, MaxBody: 100_000,
			Upgrader: m.Engine, Log: options.Log,
		}),
	}
	if dir != "" {
		s.openLog(d, dir)
	}
	return s
}

// settings reads the application's settings from the arguments of a node or reload line.
func settings(t *testing.T, d *datadriven.TestData) *apps.App {
	app := apps.New(appID, appKey, appSecret)
	for _, arg := range d.CmdArgs {
		value := strings.Join(arg.Vals, ",")
		switch arg.Key {
		case "loops", "backlog", "prefix", "log", "durability", "crash", "wipe":
		case "history", "replay_messages", "replay_bytes", "rewind", "conflate", "history_age":
			setHistory(t, &app.History, arg.Key, value)
		case "secret":
			app.Secret = value
		case "max_connections":
			app.MaxConnections = atoi(t, value)
		case "max_message_size":
			app.MaxMessageSize = atoi(t, value)
		case "max_subscriptions":
			app.MaxSubscriptions = atoi(t, value)
		case "max_presence_members":
			app.MaxPresenceMembers = atoi(t, value)
		case "max_user_info":
			app.MaxUserInfo = atoi(t, value)
		case "client_events":
			app.ClientEvents = apps.ParseClientEvents(value)
		case "ping_interval":
			app.PingInterval = duration(t, value)
		case "cache_ttl":
			app.CacheTTL = duration(t, value)
		case "allowed_origins":
			app.AllowedOrigins = arg.Vals
		case "subscription_count":
			app.SubscriptionCount = true
		case "compression":
			app.Compression = true
		case "compression_min_size":
			app.CompressionMinSize = atoi(t, value)
		case "rate_limit":
			app.RateLimit.Enabled, app.RateLimit.MaxAttempts = true, atoi(t, value)
		case "terminate_on_limit":
			app.RateLimit.Terminate = true
		default:
			d.Fatalf(t, "there is no setting %q", arg.Key)
		}
	}
	return app
}

func atoi(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func duration(t *testing.T, s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// act does what one line of a transcript says and returns what everybody got.
func (s *stage) act(d *datadriven.TestData) string {
	var out strings.Builder
	switch d.Cmd {
	case "open":
		s.open(d)
	case "send":
		for _, line := range strings.Split(d.Input, "\n") {
			s.client(d).wire.Feed(mask(ws.OpText, []byte(s.fill(line))))
		}
	case "binary", "ping", "pong", "close":
		op := map[string]ws.Opcode{"binary": ws.OpBinary, "ping": ws.OpPing, "pong": ws.OpPong, "close": ws.OpClose}[d.Cmd]
		s.client(d).wire.Feed(mask(op, unquote(s.t, d.Input)))
	case "deflated":
		for _, line := range strings.Split(d.Input, "\n") {
			s.client(d).wire.Feed(deflate(s.t, s.fill(line)))
		}
	case "bytes":
		s.client(d).wire.Feed(unquote(s.t, d.Input))
	case "stall":
		s.client(d).wire.Stall(true)
	case "resume":
		s.client(d).wire.Stall(false)
	case "hangup":
		s.client(d).wire.HangUp()
	case "advance":
		s.advance(duration(s.t, d.CmdArgs[0].Key))
	case "restart":
		s.restart(d)
	case "drain":
		s.drain()
	case "reload":
		s.reload(d)
	case "get", "post", "head", "put":
		out.WriteString(s.request(d))
	default:
		d.Fatalf(s.t, "there is no command %q", d.Cmd)
	}
	s.manual.Turn()
	for _, c := range s.clients {
		c.report(s, &out)
	}
	if out.Len() == 0 {
		return "(nothing)\n"
	}
	return s.blank(out.String())
}

// open connects a client: open NAME [slot=N] [path=/app/key] [deflate] [raw]. With raw it says nothing yet, with
// deflate it offers to compress, as browsers do.
func (s *stage) open(d *datadriven.TestData) {
	slot, path, more, raw := 0, "/app/"+appKey+"?protocol=7&client=js&version=8.6.0&flash=false", "", false
	for _, arg := range d.CmdArgs[1:] {
		switch arg.Key {
		case "slot":
			slot = atoi(s.t, arg.Vals[0])
		case "path":
			path = arg.Vals[0]
		case "origin":
			more += "Origin: " + arg.Vals[0] + "\r\n"
		case "deflate":
			more += "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
		case "raw":
			raw = true
		default:
			d.Fatalf(s.t, "open has no argument %q", arg.Key)
		}
	}
	c := &actor{name: d.CmdArgs[0].Key, wire: s.manual.Open(slot), decoder: ws.NewClientDecoder(), raw: true}
	s.clients = append(s.clients, c)
	if !raw {
		c.wire.Feed([]byte("GET " + path + " HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + more +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
	}
}

func (s *stage) client(d *datadriven.TestData) *actor {
	for _, c := range s.clients {
		if len(d.CmdArgs) > 0 && c.name == d.CmdArgs[0].Key {
			return c
		}
	}
	d.Fatalf(s.t, "there is no such client")
	return nil
}

// reload changes the application's settings: reload [setting=…], or reload gone.
func (s *stage) reload(d *datadriven.TestData) {
	var list []*apps.App
	if !d.HasArg("gone") {
		list = append(list, settings(s.t, d))
	}
	if err := s.registry.Replace(list...); err != nil {
		d.Fatalf(s.t, "%v", err)
	}
	for _, app := range s.manual.Hub().Update(list) {
		s.manual.Evict(app)
	}
}

// drain tells every socket that the server stops.
func (s *stage) drain() {
	for _, c := range s.clients {
		defer c.wire.HangUp()
	}
	s.manual.BeginDrain()
	s.manual.Turn()
	for _, c := range s.clients {
		c.unread = append(c.unread, c.wire.Take()...)
	}
}

func mask(op ws.Opcode, payload []byte) []byte {
	return ws.AppendMasked(nil, op, payload, [4]byte{0x37, 0xfa, 0x21, 0x3d})
}

// deflate is a text message that the client has compressed.
func deflate(t *testing.T, text string) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(text))
	_ = w.Flush()
	frame := mask(ws.OpText, bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff")))
	frame[0] |= 0x40
	return frame
}

// unquote reads lines of Go string literals; a transcript stays text when bytes are not.
func unquote(t *testing.T, input string) (b []byte) {
	for _, line := range strings.Split(input, "\n") {
		if line == "" {
			continue
		}
		literal, times, _ := strings.Cut(line, " x ")
		s, err := strconv.Unquote(literal)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		n := 1
		if times != "" {
			n = atoi(t, times)
		}
		b = append(b, strings.Repeat(s, n)...)
	}
	return b
}

var placeholder = regexp.MustCompile(`\[\[(auth|user) (\w+) (\S+?)(?: (.*?))?\]\]|\$(\w+)`)

var epoch = regexp.MustCompile(`"epoch":"([\w-]+)"`)

// fill puts in what a transcript cannot know: $NAME is a client's socket id, $epoch1 the first token of replay that anybody got, [[auth NAME CHANNEL
// CHANNEL_DATA]] its signature for a channel, where CHANNEL_DATA is the text that is signed, and
// [[user NAME USER_DATA]] its signature for a sign-in.
func (s *stage) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(m string) string {
		part := placeholder.FindStringSubmatch(m)
		name := part[2] + part[5]
		if n, err := strconv.Atoi(strings.TrimPrefix(part[5], "epoch")); err == nil && n <= len(s.epochs) {
			return s.epochs[n-1]
		}
		for _, c := range s.clients {
			if c.name != name {
				continue
			}
			switch part[1] {
			case "auth":
				return s.signer.Channel(c.id, []byte(part[3]), []byte(part[4]))
			case "user":
				return s.signer.User(c.id, []byte(strings.TrimSpace(part[3]+" "+part[4])))
			}
			return c.id.String()
		}
		return m
	})
}

// blank takes out what differs from run to run.
func (s *stage) blank(text string) string {
	for _, c := range s.clients {
		if !c.id.IsZero() {
			text = strings.ReplaceAll(text, c.id.String(), "$"+c.name)
		}
	}
	return epoch.ReplaceAllStringFunc(text, func(m string) string {
		token := epoch.FindStringSubmatch(m)[1]
		i := slices.Index(s.epochs, token)
		if i < 0 {
			i, s.epochs = len(s.epochs), append(s.epochs, token)
		}
		return fmt.Sprintf(`"epoch":"$epoch%d"`, i+1)
	})
}

// report prints what the client has got since the last time.
func (c *actor) report(s *stage, out *strings.Builder) {
	c.unread = append(c.unread, c.wire.Take()...)
	if c.raw {
		head, rest, ok := bytes.Cut(c.unread, []byte("\r\n\r\n"))
		if ok {
			status, _, _ := bytes.Cut(head, []byte("\r\n"))
			fmt.Fprintf(out, "%s: %s\n", c.name, status)
			if _, extension, ok := bytes.Cut(head, []byte("Sec-WebSocket-Extensions: ")); ok {
				extension, _, _ = bytes.Cut(extension, []byte("\r\n"))
				fmt.Fprintf(out, "%s: [%s]\n", c.name, extension)
				c.decoder.Deflate()
			}
			c.unread, c.raw = rest, !bytes.Contains(status, []byte(" 101 "))
			if c.raw && len(rest) > 0 {
				fmt.Fprintf(out, "%s: %s\n", c.name, rest)
				c.unread = nil
			}
		}
	}
	for !c.raw {
		compressed := len(c.unread) > 0 && c.unread[0]&0x40 != 0
		m, n, ok, err := c.decoder.Next(c.unread, 1<<24)
		if err != nil {
			s.t.Fatalf("the server sent %s a broken frame: %v", c.name, err)
		}
		c.unread = c.unread[n:]
		if !ok {
			break
		}
		if compressed {
			out.WriteString("[deflated] ")
		}
		c.print(out, m)
	}
	if c.wire.HandedOver != nil && !c.ended {
		fmt.Fprintf(out, "%s: [handed over with %q]\n", c.name, c.wire.HandedOver)
		c.ended = true
	}
	if c.wire.HalfClosed && !c.half && !c.ended {
		fmt.Fprintf(out, "%s: [no more will come]\n", c.name)
		c.half = true
	}
	if c.wire.Closed && !c.ended {
		fmt.Fprintf(out, "%s: [connection closed]\n", c.name)
		c.ended = true
	}
}

var socketID = regexp.MustCompile(`\\"socket_id\\":\\"(\d+\.\d+)\\"`)

func (c *actor) print(out *strings.Builder, m ws.Message) {
	switch m.Op {
	case ws.OpText:
		if id := socketID.FindSubmatch(m.Payload); id != nil {
			c.id, _ = protocol.ParseSocketID(id[1])
		}
		fmt.Fprintf(out, "%s: %s\n", c.name, m.Payload)
	case ws.OpClose:
		code, reason, _ := ws.ParseClose(m.Payload)
		fmt.Fprintf(out, "%s: close %d %q\n", c.name, code, reason)
	default:
		fmt.Fprintf(out, "%s: control %#x %q\n", c.name, byte(m.Op), m.Payload)
	}
}

// request sends an API request: post /apps/1001/events [unsigned], with the body as input.
func (s *stage) request(d *datadriven.TestData) string {
	uri, query, _ := strings.Cut(d.CmdArgs[0].String(), "?")
	body := []byte(s.fill(d.Input))
	method := strings.ToUpper(d.Cmd)
	params := map[string]string{"auth_key": appKey, "auth_timestamp": "1353088179", "auth_version": "1.0"}
	for _, pair := range strings.Split(query, "&") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			params[name] = value
		}
	}
	var list []protocol.Param
	for name, value := range params {
		list = append(list, protocol.Param{Name: []byte(name), Value: []byte(value)})
	}
	if !d.HasArg("unsigned") {
		params["auth_signature"] = s.signer.Request([]byte(method), []byte(uri), list, body)
	}
	if d.HasArg("forged") {
		params["auth_signature"] = strings.Repeat("0", 64)
	}
	var pairs []string
	for name, value := range params {
		pairs = append(pairs, name+"="+value)
	}
	sort.Strings(pairs)
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, nil)
	ctx.Request.Header.SetMethod(method)
	ctx.Request.SetRequestURI(uri + "?" + strings.Join(pairs, "&"))
	ctx.Request.SetBody(body)
	s.api.Handler(&ctx)
	answer := strings.TrimSuffix(string(ctx.Response.Body()), "\n")
	return fmt.Sprintf("%d %s\n", ctx.Response.StatusCode(), answer)
}
