package issuer

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// validateText returns why a text for people is refused: one that is empty, longer
// than most bytes, or has control characters or invalid UTF-8, which some stores
// and many terminals do not take.
func validateText(text string, most int) error {
	switch {
	case text == "":
		return errors.New("must not be empty")
	case len(text) > most:
		return errors.New("must not be longer than " + strconv.Itoa(most) + " bytes")
	case !isPlain(text):
		return errors.New("must not have control characters")
	}
	return nil
}

// isPlain reports whether a text is UTF-8 without control characters.
func isPlain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// isOrigin reports whether a text is the origin of a page as browsers write it
// (RFC 6454 section 6.1): scheme://host, and :port if it is not the scheme's own.
// Guards compare it byte for byte, so that another spelling would never match.
// "null" is no origin here: any page can have it.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != text || len(text) > 500 {
		return false
	}
	return isHost(u.Hostname(), strings.HasPrefix(u.Host, "[")) && isPort(u) && u.Scheme != "file"
}

// isHost reports whether browsers write a host so: in lower case, international
// names in ASCII, IPv6 addresses in brackets and in their shortest form.
func isHost(host string, inBrackets bool) bool {
	if inBrackets {
		ip, err := netip.ParseAddr(host)
		return err == nil && ip.Is6() && ip.Zone() == "" && ip.String() == host
	}
	return host != "" && strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-._") == ""
}

// isPort reports whether an origin has a port that browsers write, or none.
func isPort(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	isDefault := u.Scheme == "https" && n == 443 || u.Scheme == "http" && n == 80
	return err == nil && strconv.FormatUint(n, 10) == port && !isDefault
}

// isStorable reports whether every database can store a text as it is.
func isStorable(text string) bool {
	return utf8.ValidString(text) && !strings.Contains(text, "\x00")
}
