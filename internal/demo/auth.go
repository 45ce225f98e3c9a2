package demo

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/pusher/pusher-http-go/v5"

	"resound/internal/apps"
)

var (
	channelName = regexp.MustCompile(`^(?:private|presence)-demo[-a-zA-Z0-9_=@,.;]*$`)
	socketID    = regexp.MustCompile(`^[0-9]{1,20}\.[0-9]{1,20}$`)
	userID      = regexp.MustCompile(`^[a-zA-Z0-9-]{1,36}$`)
)

// authorizer signs subscriptions to the demo's own channels.
type authorizer struct{ signer *pusher.Client }

func newAuthorizer(app *apps.App) authorizer {
	return authorizer{&pusher.Client{AppID: app.ID, Key: app.Key, Secret: app.Secret}}
}

type authRequest struct {
	SocketID    string `json:"socket_id"`
	ChannelName string `json:"channel_name"`
	UserID      string `json:"user_id"` // of a presence channel; one made from the socket id if missing
	Name        string `json:"name"`    // shown to the others; "Guest" if missing
}

func (a authorizer) serve(w http.ResponseWriter, r *http.Request) {
	var req authRequest
	if !read(w, r, maxAuthBody, &req, func(v url.Values) {
		req = authRequest{v.Get("socket_id"), v.Get("channel_name"), v.Get("user_id"), v.Get("name")}
	}) {
		return
	}
	if len(req.ChannelName) > 200 || !channelName.MatchString(req.ChannelName) {
		fail(w, http.StatusForbidden, "The demo authorises channels that start with private-demo or presence-demo only.")
		return
	}
	raw, err := a.sign(req)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	answer(w, raw)
}

// sign checks what is left to check and returns the answer for the client.
func (a authorizer) sign(req authRequest) ([]byte, error) {
	if !socketID.MatchString(req.SocketID) {
		return nil, errors.New("socket_id must be of the form 123.456")
	}
	params := []byte(url.Values{"socket_id": {req.SocketID}, "channel_name": {req.ChannelName}}.Encode())
	if strings.HasPrefix(req.ChannelName, "private-") {
		return a.signer.AuthorizePrivateChannel(params)
	}
	if req.UserID == "" { // a stock pusher-js knows no user_id
		req.UserID = "socket-" + strings.ReplaceAll(req.SocketID, ".", "-")
	} else if !userID.MatchString(req.UserID) {
		return nil, errors.New("user_id may hold up to 36 letters, digits and '-'")
	}
	name, err := line("name", req.Name, maxName)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = "Guest"
	}
	return a.signer.AuthorizePresenceChannel(params, pusher.MemberData{
		UserID: req.UserID, UserInfo: map[string]string{"name": name},
	})
}
