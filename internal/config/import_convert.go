package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-json"
	"go.yaml.in/yaml/v3"

	"resound/internal/apps"
)

// reverbRequestSize is what config/reverb.php has where nobody chose.
const reverbRequestSize = "10000"

// maxOpening is how many opening braces are tried: what comes before the JSON is a few lines.
const maxOpening = 100

// serverKeys and appKeys are what is taken over as it is, in the order it is written.
var (
	serverKeys = []string{"host", "port", "path", "hostname"}
	appKeys    = []string{"ping_interval", "activity_timeout", "max_connections", "max_message_size", "accept_client_events_from"}
	redisKeys  = []string{"url", "host", "port", "username", "password", "database"}
	rateKeys   = []string{"enabled", "max_attempts", "decay_seconds", "terminate_on_limit"}
)

// conversion turns Reverb's configuration into a config file of ours.
type conversion struct {
	env  map[string]string // see Import
	left []string          // what is not taken over, without values: some are passwords
	text []byte
	apps int
}

// convert reads config('reverb') as JSON, with whatever is printed around it.
func convert(data []byte, env map[string]string) (*conversion, error) {
	root, err := findJSON(data)
	if err != nil {
		return nil, err
	}
	c := &conversion{env: env}
	file := &yaml.Node{Kind: yaml.MappingNode}
	list := c.applications(file, root)
	if len(list.Content) == 0 {
		return nil, errors.New("there is no application in this JSON; is it that of config('reverb')?")
	}
	c.server(file, root)
	put(file, "apps", list)
	file.HeadComment = c.head()
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(file), enc.Close()); err != nil {
		return nil, fmt.Errorf("the config file could not be written: %w", err)
	}
	c.text, c.apps = out.Bytes(), len(list.Content)
	return c, nil
}

// findJSON returns the first object that has applications in it.
func findJSON(data []byte) (map[string]any, error) {
	for range maxOpening {
		i := bytes.IndexByte(data, '{')
		if i < 0 {
			break
		}
		var root map[string]any
		dec := json.NewDecoder(bytes.NewReader(data[i:]))
		dec.UseNumber()
		if dec.Decode(&root) == nil && root["apps"] != nil {
			return root, nil
		}
		data = data[i+1:]
	}
	return nil, errors.New(`there is no configuration of Reverb here; print it with: php artisan tinker --execute="echo json_encode(config('reverb'))"`)
}

// head is the comment on top.
func (c *conversion) head() string {
	lines := []string{"From Laravel's config/reverb.php, by: resound apps import"}
	if c.env == nil {
		lines = append(lines, "It holds secrets: keep it readable for the server only.")
	}
	if len(c.left) > 0 {
		lines = append(lines, "", "Not taken over:")
		for _, l := range c.left {
			lines = append(lines, "  "+l)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// serverName is the server that config('reverb') is about.
func serverName(root map[string]any) string {
	if name, _ := root["default"].(string); name != "" {
		return name
	}
	return "reverb"
}

// server takes over what is not of one application.
func (c *conversion) server(file *yaml.Node, root map[string]any) {
	servers, name := object(root["servers"]), serverName(root)
	server := object(servers[name])
	for _, key := range serverKeys {
		if text, ok := plainValue(server[key]); ok && text != "" {
			put(file, key, scalar(text))
		}
	}
	switch text, ok := plainValue(server["max_request_size"]); {
	case ok && text == reverbRequestSize:
		c.leave("max_request_size: 10000 is what Reverb has without a choice, and too little for a batch of events")
	case ok && text != "":
		put(file, "max_request_size", scalar(text))
	}
	for _, key := range slices.Sorted(maps.Keys(server)) {
		switch value := server[key]; {
		case slices.Contains(serverKeys, key) || key == "max_request_size":
		case key == "pulse_ingest_interval" || key == "telescope_ingest_interval":
			// Pulse and Telescope are fed inside of PHP; there is nothing to lose.
		case key == "scaling":
			c.scaling(file, object(value))
		case key == "options":
			if tls, _ := object(value)["tls"].(map[string]any); len(tls) > 0 {
				c.leave("options.tls: let a proxy take TLS off")
			}
		default:
			c.leave("servers." + name + "." + key + ": not known")
		}
	}
	for _, other := range slices.Sorted(maps.Keys(servers)) {
		if other != name {
			c.leave("servers." + other + ": only the default server is")
		}
	}
}

// applications takes over the list, and where browsers find all of them.
func (c *conversion) applications(file *yaml.Node, root map[string]any) *yaml.Node {
	entries := root["apps"]
	if nested, ok := entries.(map[string]any); ok {
		if provider, _ := nested["provider"].(string); provider != "" && provider != "config" {
			c.leave("apps.provider: applications that come from elsewhere at run time are not in this file")
		}
		entries = nested["apps"]
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	public := make(map[string][]string)
	for n, entry := range elements(entries) {
		app := object(entry)
		if len(app) == 0 {
			continue
		}
		list.Content = append(list.Content, c.application(n, app))
		options := object(app["options"])
		for key, own := range map[string]string{"port": "public_port", "scheme": "scheme", "host": "hostname"} {
			if text, ok := plainValue(options[key]); ok && !slices.Contains(public[own], text) {
				public[own] = append(public[own], text)
			}
		}
	}
	hostname, _ := plainValue(object(object(root["servers"])[serverName(root)])["hostname"])
	for _, key := range []string{"public_port", "scheme", "hostname"} {
		switch values := public[key]; {
		case key == "hostname" && hostname != "":
			if slices.ContainsFunc(values, func(v string) bool { return v != "" && v != hostname }) {
				c.leave("options.host of the applications: the server has another hostname")
			}
		case key == "hostname" && len(values) == 1 && !isHost(values[0]):
			c.leave("options.host of the applications: no host name or address")
		case len(values) == 1 && values[0] != "":
			put(file, key, scalar(values[0]))
		case len(values) > 1:
			c.leave(key + ": the applications do not have the same in their options")
		}
	}
	return list
}

func isHost(text string) bool {
	_, err := normalHost(text)
	return err == nil
}

// application takes over one.
func (c *conversion) application(n int, app map[string]any) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range []string{idKey, keyKey} {
		text, _ := plainValue(app[key])
		put(node, key, quoted(unexpanded(text)))
	}
	secret, _ := plainValue(app[secretKey])
	put(node, secretKey, c.secret(secret))
	if _, given := app["allowed_origins"]; given {
		put(node, "allowed_origins", cleanList(app["allowed_origins"]))
	}
	for _, key := range appKeys {
		raw, given := app[key]
		text, ok := plainValue(raw)
		switch {
		case !given || !ok:
			continue
		case key == "max_connections" && text == "":
			text = "0" // no limit, also where the server has one
		case key == "accept_client_events_from":
			text = apps.ParseClientEvents(text).String()
		}
		if text != "" {
			put(node, key, scalar(text))
		}
	}
	rate := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range rateKeys {
		if text, ok := plainValue(object(app["rate_limiting"])[key]); ok && text != "" {
			put(rate, key, scalar(text))
		}
	}
	if len(rate.Content) > 0 {
		put(node, "rate_limiting", rate)
	}
	known := append([]string{idKey, keyKey, secretKey, "allowed_origins", "rate_limiting", "options"}, appKeys...)
	for _, key := range slices.Sorted(maps.Keys(app)) {
		if !slices.Contains(known, key) {
			c.leave("apps." + strconv.Itoa(n) + "." + key + ": not known")
		}
	}
	return node
}

// scaling takes over where several servers meet, if they are to.
func (c *conversion) scaling(file *yaml.Node, scaling map[string]any) {
	if enabled, _ := plainValue(scaling["enabled"]); enabled != "true" && enabled != "1" {
		return
	}
	node, redis, server := &yaml.Node{Kind: yaml.MappingNode}, &yaml.Node{Kind: yaml.MappingNode}, object(scaling["server"])
	put(node, "enabled", scalar("true"))
	if text, ok := plainValue(scaling["channel"]); ok && text != "" {
		put(node, "channel", quoted(unexpanded(text)))
	}
	for _, key := range redisKeys {
		switch text, ok := plainValue(server[key]); {
		case !ok || text == "":
		case key == "url" || key == "password":
			put(redis, key, c.secret(text))
		default:
			put(redis, key, scalar(text))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(server)) {
		if !slices.Contains(redisKeys, key) && key != "timeout" { // there is no time after which this server gives Redis up
			c.leave("scaling.server." + key + ": not known")
		}
	}
	if len(redis.Content) > 0 {
		put(node, "server", redis)
	}
	put(file, "scaling", node)
}

// secret is a value that nobody should read, or the name that stands for it.
func (c *conversion) secret(text string) *yaml.Node {
	if name, ok := c.env[text]; ok {
		return quoted("${" + name + "}")
	}
	n := quoted(unexpanded(text))
	if c.env != nil {
		n.LineComment = "no name in the .env file has this value"
	}
	return n
}

// leave remembers one thing that is not taken over, on one line.
func (c *conversion) leave(text string) { c.left = append(c.left, oneLine(text)) }
