package page

import (
	"fmt"
	"math"
	"strconv"
)

// isColor reports whether a text is a colour of six hexadecimal digits after #.
func isColor(text string) bool {
	_, err := strconv.ParseUint(text[min(1, len(text)):], 16, 32)
	return len(text) == 7 && text[0] == '#' && err == nil && text[1] != '+'
}

// minContrast is what text must have on its ground (WCAG 2.2, 1.4.3).
const minContrast = 4.5

// The grounds of the page, and the links on them if the accent is hard to read.
const (
	lightGround, lightLink = "#ffffff", "#1f5fd6"
	darkGround, darkLink   = "#14171b", "#8db4ff"
)

// accentRules returns the style that a config's colours add.
func accentRules(c Config) string {
	const rule = ":root { --accent: %s; --on-accent: %s; --link: %s; }\n"
	light := fmt.Sprintf(rule, c.Accent, textOn(c.Accent), linkOn(lightGround, c.Accent, lightLink))
	dark := fmt.Sprintf(rule, c.AccentDark, textOn(c.AccentDark), linkOn(darkGround, c.AccentDark, darkLink))
	return light + "@media (prefers-color-scheme: dark) { " + dark + "}\n"
}

// textOn returns black or white, whichever is easier to read on a ground.
func textOn(ground string) string {
	if contrast(ground, "#ffffff") >= minContrast {
		return "#ffffff"
	}
	return "#000000"
}

// linkOn returns the colour of links on a ground: the accent if it can be read.
func linkOn(ground, accent, other string) string {
	if contrast(ground, accent) >= minContrast {
		return accent
	}
	return other
}

// contrast returns the contrast ratio of two colours (WCAG 2.2).
func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance returns the relative luminance of a colour (WCAG 2.2).
func luminance(color string) float64 {
	rgb, _ := strconv.ParseUint(color[1:], 16, 32)
	linear := func(shift int) float64 {
		v := float64(rgb>>shift&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(16) + 0.7152*linear(8) + 0.0722*linear(0)
}
