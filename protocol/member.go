package protocol

// Member says who a subscriber is. Its slices alias what it was parsed from.
type Member struct {
	ID   Raw // user_id as it came: a string or a number
	Info Raw // user_info as it came; empty when there was none
}

// ParseMember reads channel_data. Data that is JSON but names no usable
// user_id gives a zero Member; presence channels refuse it. The error is
// ErrInvalidFormat for what is no JSON object or array.
func ParseMember(data []byte) (Member, *Error) {
	var m Member
	if ScanArray(data, func(Raw) bool { return true }) {
		return m, nil // PHP's encoding of an object without members
	}
	ok := ScanObject(data, func(key []byte, v Raw) bool {
		switch string(key) {
		case "user_id":
			m.ID = v
		case "user_info":
			m.Info = v
		}
		return true
	})
	if !ok {
		return Member{}, ErrInvalidFormat
	}
	if !validUserID(m.ID) {
		return Member{}, nil
	}
	return m, nil
}

// validUserID admits what pusher-js can use as a key: a string that is not
// empty, or a number. Reverb takes 0, "" and null too, but then never tells that they left.
func validUserID(id Raw) bool {
	if id.IsString() {
		text := id.Text() // PHP writes é as \u00e9: the quoted form may be six times as long
		return len(text) > 0 && len(text) <= MaxUserID
	}
	return len(id) > 0 && len(id) <= MaxUserID && (id[0] == '-' || id[0] >= '0' && id[0] <= '9')
}

// IsZero reports whether m names nobody.
func (m Member) IsZero() bool { return len(m.ID) == 0 }

// Clone returns a Member of its own bytes, in one allocation.
func (m Member) Clone() Member {
	b := make([]byte, 0, len(m.ID)+len(m.Info))
	b = append(append(b, m.ID...), m.Info...)
	return Member{ID: Raw(b[:len(m.ID):len(m.ID)]), Info: Raw(b[len(m.ID):])}
}

// Key returns the text under which the member is one user: the number 1 and the string "1" are
// the same user, as they are the same key of pusher-js's member list.
func (m Member) Key() string {
	if !m.ID.IsString() {
		return string(m.ID)
	}
	return string(m.ID.Text())
}
