package e2e

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pusher/pusher-http-go/v5"
)

// must returns v, or ends the test.
func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestGoPublisherTriggers(t *testing.T) {
	t.Parallel()
	eachDoor(t, func(t *testing.T, flags []string) { goPublisherTriggers(t, start(t, plan{args: flags})) })
}

func goPublisherTriggers(t *testing.T, s *server) {
	p := s.publisher()
	a, b := s.connect(t), s.connect(t)
	for _, c := range []*socket{a, b} {
		c.subscribe("one", nil)
		c.subscribe("two", nil)
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	ok(p.Trigger("one", "trigger", map[string]int{"n": 1}))
	ok(p.TriggerMulti([]string{"one", "two"}, "multi", "text"))
	toOthers := pusher.TriggerParams{SocketID: &a.id}
	must[*pusher.TriggerChannelsList](t)(p.TriggerWithParams("one", "exclusive", []int{1}, toOthers))
	must[*pusher.TriggerChannelsList](t)(p.TriggerMultiWithParams([]string{"one", "two"}, "exclusive", true, toOthers))
	list := must[*pusher.TriggerChannelsList](t)(p.TriggerWithParams("one", "params", nil,
		pusher.TriggerParams{SocketID: &b.id, Info: ptr("subscription_count")}))
	if n := list.Channels["one"].SubscriptionCount; n == nil || *n != 2 {
		t.Errorf("info of the publish is %+v", list)
	}
	batch := []pusher.Event{
		{Channel: "two", Name: "batch", Data: "1", Info: ptr("subscription_count")},
		{Channel: "one", Name: "batch", Data: "2", SocketID: &b.id},
		{Channel: "two", Name: "batch", Data: "3"},
	}
	answers := must[*pusher.TriggerBatchChannelsList](t)(p.TriggerBatch(batch))
	if len(answers.Batch) != 3 || answers.Batch[0].SubscriptionCount == nil || *answers.Batch[0].SubscriptionCount != 2 {
		t.Errorf("the batch was answered with %+v", answers)
	}

	a.expectEach(map[string][][2]string{
		"one": {{"trigger", `{"n":1}`}, {"multi", "text"}, {"params", "null"}, {"batch", "2"}},
		"two": {{"multi", "text"}, {"batch", "1"}, {"batch", "3"}},
	})
	b.expectEach(map[string][][2]string{
		"one": {{"trigger", `{"n":1}`}, {"multi", "text"}, {"exclusive", "[1]"}, {"exclusive", "true"}},
		"two": {{"multi", "text"}, {"exclusive", "true"}, {"batch", "1"}, {"batch", "3"}},
	})
}

// expectEach reads as many events as are listed and compares those of each channel, name and
// data, in order. Between channels there is no order.
func (c *socket) expectEach(want map[string][][2]string) {
	c.t.Helper()
	got, total := map[string][][2]string{}, 0
	for _, list := range want {
		total += len(list)
	}
	for range total {
		m := c.next()
		got[m.Channel] = append(got[m.Channel], [2]string{m.Event, m.Data})
	}
	if !reflect.DeepEqual(got, want) {
		c.t.Errorf("got %q, want %q", got, want)
	}
}

func ptr[T any](v T) *T { return &v }

func TestGoPublisherAuthorizesAndAsks(t *testing.T) {
	t.Parallel()
	s := start(t, plan{})
	p := s.publisher()
	ann, bob, bobs := s.connect(t), s.connect(t), s.connect(t)

	ann.subscribe("private-p", must[[]byte](t)(p.AuthorizePrivateChannel(ann.form("private-p"))))
	join := func(c *socket, id, name string) message {
		t.Helper()
		member := pusher.MemberData{UserID: id, UserInfo: map[string]string{"name": name}}
		return c.subscribe("presence-p", must[[]byte](t)(p.AuthorizePresenceChannel(c.form("presence-p"), member)))
	}
	m := join(ann, "1", "Ann")
	if want := `{"presence":{"count":1,"ids":["1"],"hash":{"1":{"name":"Ann"}}}}`; m.Data != want {
		t.Errorf("here is %s, want %s", m.Data, want)
	}
	join(bob, "2", "Bob")
	ann.expect("pusher_internal:member_added", "presence-p", `{"user_id":"2","user_info":{"name":"Bob"}}`)
	join(bobs, "2", "Bob")

	channels := must[*pusher.ChannelsList](t)(p.Channels(pusher.ChannelsParams{FilterByPrefix: ptr("presence-"), Info: ptr("user_count")}))
	if len(channels.Channels) != 1 || channels.Channels["presence-p"].UserCount != 2 {
		t.Errorf("channels are %+v", channels)
	}
	if all := must[*pusher.ChannelsList](t)(p.Channels(pusher.ChannelsParams{})); len(all.Channels) != 2 {
		t.Errorf("all channels are %+v", all)
	}
	one := must[*pusher.Channel](t)(p.Channel("presence-p", pusher.ChannelParams{Info: ptr("user_count,subscription_count")}))
	if !one.Occupied || one.UserCount != 2 {
		t.Errorf("the channel is %+v", one)
	}
	if none := must[*pusher.Channel](t)(p.Channel("nobody", pusher.ChannelParams{})); none.Occupied {
		t.Errorf("a channel without anybody is %+v", none)
	}
	users := must[*pusher.Users](t)(p.GetChannelUsers("presence-p"))
	ids := []string{}
	for _, u := range users.List {
		ids = append(ids, u.ID)
	}
	if slices.Sort(ids); !slices.Equal(ids, []string{"1", "2"}) {
		t.Errorf("users are %q", ids)
	}

	if err := bob.leave(); err != nil {
		t.Fatal(err)
	}
	if err := bobs.leave(); err != nil {
		t.Fatal(err)
	}
	ann.expect("pusher_internal:member_removed", "presence-p", `{"user_id":"2"}`)
}

func TestGoPublisherIsRefusedWithALine(t *testing.T) {
	t.Parallel()
	s := start(t, plan{})
	for _, test := range []struct {
		change func(*pusher.Client)
		want   []string
	}{
		{func(p *pusher.Client) { p.Secret = "wrong" }, []string{"401", "Authentication signature invalid.", "REVERB_APP_SECRET"}},
		{func(p *pusher.Client) { p.Key = "wrong" }, []string{"401", "REVERB_APP_KEY"}},
		{func(p *pusher.Client) { p.AppID = "4711" }, []string{"404", "4711"}},
	} {
		p := s.publisher()
		test.change(p)
		err := p.Trigger("c", "e", "d")
		for _, want := range test.want {
			if !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("the error %v lacks %q", err, want)
			}
		}
	}
}
