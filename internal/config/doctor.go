package config

import "time"

// Doctor is what `resound doctor` is asked for beside the settings.
type Doctor struct {
	URL    string        // where browsers reach the server; "" is where the settings say
	Idle   time.Duration // how long a silent socket is watched; 0 is not at all
	Strict bool          // a warning is as bad as a problem

	sources *sources
}

// Env returns a variable of the environment or of the .env file as Laravel's env() does, "" for
// null, and the place for a text: "VITE_REVERB_HOST in /srv/shop/.env:12", or "" when it is nowhere.
func (d *Doctor) Env(name string) (value, place string) {
	raw, from, ok := d.sources.lookup(name)
	if !ok {
		return "", ""
	}
	return word(raw), from.String()
}
