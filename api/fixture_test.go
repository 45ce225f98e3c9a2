package api

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"resound/channels"
	"resound/internal/apps"
	"resound/protocol"
)

const (
	testID     = "1001"
	testKey    = "app-key"
	testSecret = "app-secret"
	maxBody    = 10_000        // Reverb's default
	testTime   = 1_795_374_512 // when requests are made and arrive, in seconds of Unix time
)

// mailbox keeps the tasks of one loop until the test runs them.
type mailbox struct {
	mu    sync.Mutex
	tasks []channels.Task
}

func (m *mailbox) Post(t channels.Task) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tasks = append(m.tasks, t)
}

func (m *mailbox) take() []channels.Task {
	m.mu.Lock()
	defer m.mu.Unlock()
	tasks := m.tasks
	m.tasks = nil
	return tasks
}

// subscriber is a connection that remembers what it was sent.
type subscriber struct {
	id     protocol.SocketID
	slot   int
	subs   channels.Subscriptions
	got    []string // payloads
	closed *protocol.Error
}

func (s *subscriber) ID() protocol.SocketID     { return s.id }
func (s *subscriber) Slot() int                 { return s.slot }
func (s *subscriber) Lag() (much, stuck bool)   { return false, false }
func (s *subscriber) Close(err *protocol.Error) { s.closed = err }
func (s *subscriber) Send(f *protocol.Frame) {
	for one := range f.Each {
		s.got = append(s.got, string(one.Payload()))
	}
}

// node is a server with a real hub of two loops.
type node struct {
	t      testing.TB
	server *Server
	app    *channels.App
	boxes  [2]*mailbox
	loops  [2]*channels.Dispatcher
}

// newNode returns a node with the test application. edit may change the options.
func newNode(t testing.TB, edit ...func(*Options)) *node {
	t.Helper()
	return newNodeOf(t, apps.New(testID, testKey, testSecret), edit...)
}

func newNodeOf(t testing.TB, app *apps.App, edit ...func(*Options)) *node {
	t.Helper()
	registry, err := apps.NewRegistry(app)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, boxes: [2]*mailbox{new(mailbox), new(mailbox)}}
	hub := channels.NewHub([]channels.Mailbox{n.boxes[0], n.boxes[1]})
	for i := range n.loops {
		n.loops[i] = hub.Dispatcher(i)
	}
	n.app = hub.App(app)
	o := Options{
		Registry: registry, Hub: hub, MaxBody: maxBody, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Now: func() time.Time { return time.Unix(testTime, 0) },
	}
	for _, f := range edit {
		f(&o)
	}
	n.server = New(o)
	return n
}

// replace makes list the applications that there are, as a reload of the configuration does.
func (n *node) replace(list ...*apps.App) {
	n.t.Helper()
	if err := n.server.o.Registry.Replace(list...); err != nil {
		n.t.Fatal(err)
	}
	n.server.o.Hub.Update(list)
}

func prefixed(o *Options) { o.PathPrefix = "/ws/" }

// run does what the loops have to do.
func (n *node) run() {
	for i, box := range n.boxes {
		for _, task := range box.take() {
			n.loops[i].Do(task)
		}
		for n.loops[i].Deliver(1000) {
		}
	}
}

// posted returns how many tasks wait for the loops.
func (n *node) posted() int { return len(n.boxes[0].take()) + len(n.boxes[1].take()) }

// join returns a new connection on a channel. data is its channel_data, or "".
// What it was sent so far is dropped.
func (n *node) join(id protocol.SocketID, channel, data string) *subscriber {
	n.t.Helper()
	if err := n.app.Connect(); err != nil {
		n.t.Fatal(err)
	}
	s := &subscriber{id: id, slot: int(id.A % 2)}
	var channelData []byte
	member := ""
	if data != "" {
		channelData = []byte(data)
		member = `,"channel_data":` + string(protocol.AppendString(nil, data))
	}
	auth := n.app.Signer().Channel(id, []byte(channel), channelData)
	c, err := protocol.ParseCommand([]byte(`{"event":"pusher:subscribe","data":{"channel":"` + channel + `","auth":"` + auth + `"` + member + `}}`))
	if err == nil {
		err = n.app.Subscribe(s, &s.subs, c)
	}
	if err != nil {
		n.t.Fatal(err)
	}
	n.run()
	s.got = nil
	return s
}

// answer is what came back.
type answer struct {
	status int
	body   string
	header *fasthttp.ResponseHeader
}

// do hands a request to the handler, without a socket.
func (n *node) do(method, uri, body string, headers ...string) answer {
	var req fasthttp.Request
	req.Header.SetMethod(method)
	req.Header.SetHost("localhost")
	req.SetRequestURI(uri)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	req.SetBodyString(body)
	var ctx fasthttp.RequestCtx
	ctx.Init(&req, nil, nil)
	n.server.Handler(&ctx)
	return answer{ctx.Response.StatusCode(), string(ctx.Response.Body()), &ctx.Response.Header}
}

// call signs a request and hands it to the handler. query is like "info=a%2Cb", or "".
func (n *node) call(method, path, query, body string) answer {
	return n.do(method, n.signed(method, path, path, query, body), body)
}

// signed returns the URI of a request that a publisher signed over signPath.
func (n *node) signed(method, path, signPath, query, body string) string {
	return signedBy(n.app.Signer(), n.app.Settings().Key, method, path, signPath, query, body)
}

func signedBy(signer *protocol.Signer, key, method, path, signPath, query, body string) string {
	q := "auth_key=" + key + "&auth_timestamp=" + strconv.Itoa(testTime) + "&auth_version=1.0"
	if query != "" {
		q += "&" + query
	}
	return signedQuery(signer, method, path, signPath, q, body)
}

// signedQuery signs a request whose query is all of q.
func signedQuery(signer *protocol.Signer, method, path, signPath, q, body string) string {
	values, err := url.ParseQuery(q)
	if err != nil {
		panic(err)
	}
	var params []protocol.Param
	for name, value := range values {
		params = append(params, protocol.Param{Name: []byte(strings.TrimSuffix(name, "[]")), Value: []byte(strings.Join(value, ","))})
	}
	slices.SortFunc(params, func(a, b protocol.Param) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return path + "?" + q + "&auth_signature=" + signer.Request([]byte(method), []byte(signPath), params, []byte(body))
}

// want checks an answer.
func (a answer) want(t *testing.T, status int, body string) {
	t.Helper()
	if a.status != status || a.body != body {
		t.Errorf("got  %d %s\nwant %d %s", a.status, a.body, status, body)
	}
}

func wantFrames(t *testing.T, who string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s got %s, want %s", who, fmt.Sprintf("%q", got), fmt.Sprintf("%q", want))
	}
}
