package protocol

import "slices"

// User is who a connection has signed in as.
type User struct {
	ID        string
	Watchlist []string // ids of the users whose coming and going it wants to know, each once
}

// ParseUser reads the user_data of a sign-in. The error is ErrInvalidFormat for what has no usable
// id. A watchlist with more than MaxWatchlist users is ErrWatchlist; the user is then good but for it.
func ParseUser(data []byte) (u User, err *Error) {
	var id, watchlist Raw
	ok := ScanObject(data, func(key []byte, v Raw) bool {
		switch string(key) {
		case "id":
			id = v
		case "watchlist":
			watchlist = v
		}
		return true
	})
	if !ok || !validUserID(id) {
		return User{}, ErrInvalidFormat
	}
	u.ID = Member{ID: id}.Key()
	if watchlist.IsNull() {
		return u, nil
	}
	var list []string
	ok = ScanArray(watchlist, func(v Raw) bool {
		if !validUserID(v) {
			return false
		}
		if key := (Member{ID: v}).Key(); !slices.Contains(list, key) {
			list = append(list, key)
		}
		return len(list) <= MaxWatchlist
	})
	switch {
	case len(list) > MaxWatchlist:
		return u, ErrWatchlist
	case !ok:
		return User{}, ErrInvalidFormat
	}
	u.Watchlist = list
	return u, nil
}
