package auth

import "testing"

func TestNetworksAreReadStrictlyAndKeptPlainly(t *testing.T) {
	for text, want := range map[string]string{
		"10.1.2.3/8": "10.0.0.0/8", "203.0.113.9": "203.0.113.9/32", "2001:DB8::1": "2001:db8::1/128", "2001:db8:ffff::/32": "2001:db8::/32", "::ffff:192.0.2.1": "192.0.2.1/32",
		"::ffff:10.0.0.1/104": "10.0.0.0/8", "0.0.0.0/0": "0.0.0.0/0", "::/0": "::/0",
		"": "", "x": "", "::ffff:0:0/95": "", "10.0.0.0/33": "", "fe80::1%eth0": "", "10.0.0.1/8/8": "", "010.0.0.1": "",
	} {
		got, err := ParseNetwork(text)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("ParseNetwork(%q) = %s, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{"::ffff:192.0.2.1": "192.0.2.1", "fe80::1%eth0": "fe80::1", "2001:DB8::1": "2001:db8::1", "": "invalid IP", "192.0.2.1:80": "invalid IP"} {
		if got := ParseAddress(text); got.String() != want {
			t.Errorf("ParseAddress(%q) = %s", text, got)
		}
	}
}
