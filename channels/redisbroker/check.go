package redisbroker

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Condition is what a look at Redis has found.
type Condition struct {
	Version    string // of the server, such as "7.0.15"
	Policy     string // maxmemory-policy, such as "noeviction"; "" when the server does not say
	MaxMemory  uint64 // bytes; 0 is no limit, or one that is not said
	Used       uint64 // bytes
	AppendOnly bool   // it writes what it is told to a disk at once, or nearly
	Nodes      int    // servers with this prefix
	RoundTrip  time.Duration
	Refused    []string // what this user may not do, by command
	Full       string   // why it takes no writes, in its own words; "" when it does
}

// lookTrips is how many round trips are timed; the middle one counts.
const lookTrips = 9

// Check looks at the Redis that the options name, as a node would reach it, and leaves nothing there. Its error says that
// there is no Redis to look at. Secret is not needed.
func Check(ctx context.Context, o Options) (Condition, error) {
	o.Secret = func(string) (string, bool) { return "", false }
	if err := o.check(); err != nil {
		return Condition{}, err
	}
	c, err := rueidis.NewClient(o.look())
	if err != nil {
		return Condition{}, reachable(err)
	}
	defer c.Close()
	d, release := c.Dedicate()
	defer release()
	l := look{names: newNames(o.Prefix, o.DB, 0), client: d, sharded: o.Cluster}
	for _, step := range []func(context.Context) error{l.ping, l.info, l.probe, l.subscribe} {
		if err := step(ctx); err != nil {
			return l.found, reachable(err)
		}
	}
	return l.found, nil
}

// look is how a client is made that lives for a moment.
func (o *Options) look() rueidis.ClientOption {
	r := rueidis.ClientOption{
		InitAddress: o.Addresses, Username: o.Username, Password: o.Password, SelectDB: o.DB, TLSConfig: o.TLS,
		DisableCache: true, DisableRetry: true, ForceSingleClient: !o.Cluster && o.SentinelMaster == "", ClientName: "resound-check",
		Dialer: net.Dialer{Timeout: dialTimeout}, RingScaleEachConn: 4, ReadBufferEachConn: bufferSize, WriteBufferEachConn: bufferSize,
	}
	if o.SentinelMaster != "" {
		r.Sentinel = rueidis.SentinelOption{
			MasterSet: o.SentinelMaster, Username: o.SentinelUsername, Password: o.SentinelPassword, TLSConfig: o.TLS, Dialer: r.Dialer,
		}
	}
	if isSocket(o.Addresses[0]) {
		r.DialCtxFn = func(ctx context.Context, path string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		}
	}
	return r
}

// reachable says of errors that people often see what they mean.
func reachable(err error) error {
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "NOAUTH"):
		return errors.New("it asks for a password, and there is none in the settings")
	case strings.HasPrefix(text, "WRONGPASS"), strings.Contains(text, "invalid password"):
		return errors.New("it refuses the user name or the password")
	case strings.Contains(text, "first record does not look like a TLS handshake"):
		return errors.New("it does not speak TLS on that port")
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("it does not answer in time")
	}
	return err
}

// look is one under way.
type look struct {
	names
	client  rueidis.DedicatedClient
	sharded bool
	found   Condition
}

// sample is a topic that no node hears.
func (l *look) sample() string { return l.bus + "check" }

// ping measures the round trip, on a connection that is there.
func (l *look) ping(ctx context.Context) error {
	var took []time.Duration
	for range lookTrips {
		begun := time.Now()
		if err := l.client.Do(ctx, l.client.B().Get().Key(l.log()+":check").Build()).Error(); err != nil && !refusal(err) && !rueidis.IsRedisNil(err) {
			return err
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	l.found.RoundTrip = took[lookTrips/2]
	return nil
}

// refusal reports whether an error is an answer of Redis that it will not do something.
func refusal(err error) bool {
	_, is := rueidis.IsRedisErr(err)
	return is && !strings.HasPrefix(err.Error(), "NOAUTH")
}

// info reads what the server says of itself.
func (l *look) info(ctx context.Context) error {
	text, err := l.client.Do(ctx, l.client.B().Info().Build()).ToString()
	if err != nil {
		if refusal(err) {
			l.found.Refused = append(l.found.Refused, "INFO")
			return nil
		}
		return err
	}
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			fields[name] = value
		}
	}
	number := func(name string) uint64 {
		n, _ := strconv.ParseUint(fields[name], 10, 64) // 0 is unknown
		return n
	}
	f := &l.found
	f.Version, f.Policy = fields["redis_version"], fields["maxmemory_policy"]
	f.MaxMemory, f.Used = number("maxmemory"), number("used_memory")
	f.AppendOnly = fields["aof_enabled"] == "1"
	major, _, _ := strings.Cut(f.Version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < 7 {
		l.sharded = false // that came with 7
	}
	return nil
}

//go:embed scripts/check.lua
var checkScript string

// probe tries what the scripts do, on keys that nobody has.
func (l *look) probe(ctx context.Context) error {
	key, publish := l.keys+"check:"+rand.Text(), "PUBLISH"
	if l.sharded {
		publish = "SPUBLISH"
	}
	sum, err := l.client.Do(ctx, l.client.B().ScriptLoad().Script(checkScript).Build()).ToString()
	if err != nil {
		if refusal(err) {
			l.refused("SCRIPT", err.Error())
			return nil
		}
		return err
	}
	list, err := l.client.Do(ctx, l.client.B().Evalsha().Sha1(sum).Numkeys(2).Key(key, l.leases()).Arg(publish, l.sample()).Build()).AsStrSlice()
	switch {
	case err != nil && refusal(err):
		l.refused("EVALSHA", err.Error())
		return nil
	case err != nil:
		return err
	case len(list) == 0:
		return errors.New("it answers something else than was asked")
	}
	l.found.Nodes, err = strconv.Atoi(list[0])
	for i := 1; i+1 < len(list); i += 2 {
		l.refused(list[i], list[i+1])
	}
	return err
}

// refused notes what Redis does not do, and why.
func (l *look) refused(command, answer string) {
	for _, full := range []string{"OOM", "MISCONF", "NOREPLICAS", "READONLY"} {
		if strings.Contains(answer, full) {
			l.found.Full = answer
			return
		}
	}
	l.found.Refused = append(l.found.Refused, command)
}

// subscribe tries to hear.
func (l *look) subscribe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	name, heard := "SUBSCRIBE", make(chan struct{}, 1)
	lost := l.client.SetPubSubHooks(rueidis.PubSubHooks{OnSubscription: func(rueidis.PubSubSubscription) {
		select {
		case heard <- struct{}{}:
		default:
		}
	}})
	command := l.client.B().Subscribe().Channel(l.sample()).Build()
	if l.sharded {
		name, command = "SSUBSCRIBE", l.client.B().Ssubscribe().Channel(l.sample()).Build()
	}
	if err := l.client.Do(ctx, command).Error(); err != nil {
		if refusal(err) {
			l.refused(name, err.Error())
			return nil
		}
		return err
	}
	select {
	case <-heard:
		return nil
	case err := <-lost:
		return fmt.Errorf("it hangs up on who wants to hear: %w", err)
	case <-ctx.Done():
		return ctx.Err()
	}
}
