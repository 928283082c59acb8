package gateway_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

type members = map[string]any

// forge makes tokens. Unless it says otherwise they are those that the gateway itself would sign for the victim.
type forge struct {
	key     ed25519.PrivateKey
	account string
	session string
	now     time.Time
}

func with(base, change members) members {
	made := maps.Clone(base)
	for name, value := range change {
		if value == nil {
			delete(made, name)
		} else {
			made[name] = value
		}
	}
	return made
}

func (f forge) header(change members) members {
	sum := sha256.Sum256(f.key.Public().(ed25519.PublicKey))
	return with(members{"alg": "EdDSA", "typ": "at+jwt", "kid": hex.EncodeToString(sum[:])[:16]}, change)
}

func (f forge) claims(change members) members {
	return with(members{
		"iss": "hourglass", "aud": []string{"hourglass-api"}, "sub": f.account, "sid": f.session, "jti": "j1", "scope": "read trade manage",
		"iat": f.now.Unix(), "exp": f.now.Add(time.Minute).Unix(),
	}, change)
}

// part encodes one part of a token: a text as it is, anything else as JSON.
func part(v any) string {
	text, ok := v.(string)
	if !ok {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		text = string(b)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

func (f forge) sign(header, claims any) string {
	text := part(header) + "." + part(claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(f.key, []byte(text)))
}

func (f forge) hmac(alg string, secret []byte) string {
	text := part(f.header(members{"alg": alg})) + "." + part(f.claims(nil))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// tokenAttacks try to be let in by tokens that are not ours, or not of today, or not for this.
func (s *stage) tokenAttacks() []attack {
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(s.alice, ".")[1])
	if err != nil {
		s.t.Fatal(err)
	}
	var known struct{ Sub, Sid string }
	if err := json.Unmarshal(payload, &known); err != nil {
		s.t.Fatal(err)
	}
	ours := forge{s.signing, known.Sub, known.Sid, time.Now()}
	good := ours.sign(ours.header(nil), ours.claims(nil))
	if a := s.get("/v1/balance", good); a.Status != 200 {
		s.t.Fatalf("a token as ours are is not taken, so the forged ones prove nothing: %d %s", a.Status, a.Body)
	}
	tokens := ours.forged(good)
	maps.Copy(tokens, ours.strange(good))
	maps.Copy(tokens, map[string]string{
		"a refresh token": s.refresh, "a ticket for a WebSocket": s.ticket, "a reading key with another secret": s.reader[:len(s.reader)-43] + strings.Repeat("A", 43),
		"an API key of wildcards": "hgk_*.>." + strings.Repeat("A", 43), "an API key of a path": "hgk_../../x.y." + strings.Repeat("A", 43),
		"an API key without a secret": "hgk_a." + strings.Repeat("0", 26) + ".", "an API key of the victim's id alone": "hgk_" + known.Sub + "." + s.keyID + "." + strings.Repeat("A", 43),
		"an API key with a line break": s.reader + "%0a", "a long API key": "hgk_" + strings.Repeat("a", 4_000),
	})
	var attacks []attack
	for _, name := range slices.Sorted(maps.Keys(tokens)) {
		attacks = append(attacks, attack{"token: " + name, func(t *testing.T) {
			refused(t, s.try(t, "GET", "/v1/balance", "", "Authorization", bearer(tokens[name])), 401, 431)
		}})
	}
	for name, header := range map[string]string{
		"the scheme Basic": "Basic " + good, "the scheme Token": "Token " + good, "no scheme": good, "a scheme with a comma": "Bearer," + good, "two tokens": "Bearer " + good + " " + good,
		"only the scheme": "Bearer", "the scheme in a quotation": `"Bearer" ` + good, "a tab for a space": "Bearer\t" + good,
	} {
		attacks = append(attacks, attack{"Authorization: " + name, func(t *testing.T) {
			refused(t, s.try(t, "GET", "/v1/balance", "", "Authorization", header), 401)
		}})
	}
	return append(attacks, s.misplacedTokens(good)...)
}

// forged are tokens with a signature that is not ours, or for which none is asked.
func (f forge) forged(good string) map[string]string {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	other := f
	other.key = private
	public := f.key.Public().(ed25519.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err)
	}
	parts := strings.Split(good, ".")
	head, body, signature := parts[0], parts[1], parts[2]
	last := signature[len(signature)-1]
	unsigned := func(alg any) string { return part(f.header(members{"alg": alg})) + "." + part(f.claims(nil)) + "." }
	resigned := func(alg any) string { return f.sign(f.header(members{"alg": alg}), f.claims(nil)) }
	return map[string]string{
		"alg none, no signature": unsigned("none"), "alg None, no signature": unsigned("None"), "alg NONE, no signature": unsigned("NONE"),
		"alg nOnE, no signature": unsigned("nOnE"), "alg of a space and none": unsigned(" none"), "alg empty, no signature": unsigned(""),
		"alg none with our signature": resigned("none"), "alg RS256 with our signature": resigned("RS256"), "alg PS256 with our signature": resigned("PS256"),
		"alg ES256 with our signature": resigned("ES256"), "alg Ed25519 with our signature": resigned("Ed25519"), "alg eddsa in lower case": resigned("eddsa"),
		"alg of a number": resigned(7), "alg of a list": resigned([]string{"EdDSA"}), "no alg": resigned(nil),
		"HS256 with the public key": f.hmac("HS256", public), "HS256 with its DER": f.hmac("HS256", der), "HS256 with an empty key": f.hmac("HS256", nil),
		"HS256 with its PEM":        f.hmac("HS256", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"HS256 with the key's name": f.hmac("HS256", []byte(f.header(nil)["kid"].(string))), "HS384 with the public key": f.hmac("HS384", public),
		"HS512 with the public key":      f.hmac("HS512", public),
		"another key under our kid":      other.sign(f.header(nil), f.claims(nil)),
		"another key under its own kid":  other.sign(other.header(nil), f.claims(nil)),
		"no signature":                   head + "." + body + ".",
		"half a signature":               head + "." + body + "." + signature[:43],
		"a signature of zeroes":          head + "." + body + "." + strings.Repeat("A", 86),
		"the signature twice":            good + signature,
		"spare bits of the signature":    head + "." + body + "." + signature[:len(signature)-1] + string(rune(last+1)),
		"another's name, same signature": head + "." + part(f.claims(members{"sub": "bob"})) + "." + signature,
		"a later end, same signature":    head + "." + part(f.claims(members{"exp": f.now.Add(time.Hour).Unix()})) + "." + signature,
		"another header, same signature": part(f.header(members{"typ": "at+jwt", "x": 1})) + "." + body + "." + signature,
	}
}

// strange are tokens under our own signature that are not what we sign, and texts that are no tokens.
func (f forge) strange(good string) map[string]string {
	ours := func(header, claims members) string { return f.sign(f.header(header), f.claims(claims)) }
	raw := func(claims string) string { return f.sign(f.header(nil), claims) }
	claims, err := json.Marshal(f.claims(nil))
	if err != nil {
		panic(err)
	}
	doubled := func(more string) string { return raw("{" + more + "," + string(claims[1:])) }
	return map[string]string{
		"crit with a known name": ours(members{"crit": []string{"exp"}}, nil), "crit with an unknown name": ours(members{"crit": []string{"b64"}, "b64": false}, nil),
		"crit empty": ours(members{"crit": []string{}}, nil), "b64 false": ours(members{"b64": false}, nil), "zip": ours(members{"zip": "DEF"}, nil),
		"jku": ours(members{"jku": "https://evil.example/keys"}, nil), "jwk": ours(members{"jwk": members{"kty": "OKP"}}, nil),
		"x5u": ours(members{"x5u": "https://evil.example/cert"}, nil), "x5c": ours(members{"x5c": []string{"MII"}}, nil), "cty JWT": ours(members{"cty": "JWT"}, nil),
		"no kid": ours(members{"kid": nil}, nil), "kid empty": ours(members{"kid": ""}, nil), "kid of a number": ours(members{"kid": 7}, nil),
		"kid of a path": ours(members{"kid": "../../../../dev/null"}, nil), "kid of our key file": ours(members{"kid": "jwt-current.pem"}, nil),
		"kid of SQL": ours(members{"kid": "x' UNION SELECT 'k"}, nil), "kid of a shell": ours(members{"kid": "k|id"}, nil), "kid with NUL": ours(members{"kid": "k\x00"}, nil),
		"kid of a wildcard": ours(members{"kid": "*"}, nil), "kid of an address": ours(members{"kid": "https://evil.example/k"}, nil), "kid of a list": ours(members{"kid": []string{"a"}}, nil),
		"typ JWT": ours(members{"typ": "JWT"}, nil), "no typ": ours(members{"typ": nil}, nil), "typ of a refresh token": ours(members{"typ": "rt+jwt"}, nil),
		"typ of an id token": ours(members{"typ": "id+jwt"}, nil), "typ of a number": ours(members{"typ": 1}, nil), "typ with a media type": ours(members{"typ": "application/at+jwt"}, nil),
		"another issuer": ours(nil, members{"iss": "other"}), "no issuer": ours(nil, members{"iss": nil}), "an issuer of a list": ours(nil, members{"iss": []string{"hourglass"}}),
		"an issuer with a slash": ours(nil, members{"iss": "hourglass/"}), "another audience": ours(nil, members{"aud": "other"}), "no audience": ours(nil, members{"aud": nil}),
		"an empty audience": ours(nil, members{"aud": []string{}}), "an audience in upper case": ours(nil, members{"aud": "HOURGLASS-API"}), "an audience of a number": ours(nil, members{"aud": 1}),
		"expired a minute ago": ours(nil, members{"exp": f.now.Add(-time.Minute).Unix()}), "expired in 1970": ours(nil, members{"exp": 0}), "no end": ours(nil, members{"exp": nil}),
		"an end of a text": ours(nil, members{"exp": "tomorrow"}), "an end below zero": ours(nil, members{"exp": -1}), "an end of null": raw(strings.Replace(string(claims), `"exp":`, `"exp":null,"x":`, 1)),
		"issued tomorrow": ours(nil, members{"iat": f.now.Add(24 * time.Hour).Unix()}), "valid from tomorrow": ours(nil, members{"nbf": f.now.Add(24 * time.Hour).Unix()}),
		"no subject": ours(nil, members{"sub": nil}), "an empty subject": ours(nil, members{"sub": ""}), "a subject of a wildcard": ours(nil, members{"sub": ">"}),
		"a subject of an object": ours(nil, members{"sub": members{"x": 1}}), "a subject of a number": ours(nil, members{"sub": 1}), "a subject with a dot": ours(nil, members{"sub": f.account + ".x"}),
		"a subject in upper case": ours(nil, members{"sub": strings.ToUpper(f.account)}), "a subject with a space": ours(nil, members{"sub": f.account + " "}),
		"no session": ours(nil, members{"sid": nil}), "a session of a number": ours(nil, members{"sid": 1}),
		"a scope of a list": ours(nil, members{"scope": []string{"read"}}), "claims of a list": raw(`["alice"]`), "claims of null": raw(`null`), "claims cut off": raw(`{"sub":`),
		"claims with more behind": raw(string(claims) + "{}"), "a subject twice, the last of an object": raw(strings.TrimSuffix(string(claims), "}") + `,"sub":{}}`),
		"an audience twice, the last another": raw(strings.TrimSuffix(string(claims), "}") + `,"aud":"other"}`), "an end twice, the last past": raw(strings.TrimSuffix(string(claims), "}") + `,"exp":1}`),
		"an issuer twice, the first of a number": doubled(`"iss":1`),
		"a header that is no JSON":               f.sign("{", f.claims(nil)), "a header of a list": f.sign("[]", f.claims(nil)), "a header of null": f.sign("null", f.claims(nil)),
		"a fourth part": good + ".x", "five parts as of an encrypted token": good + ".x.y", "padding": good + "=", "a line break behind": good + "%0a", "no dots": "abc", "one dot": "a.b",
		"only dots": strings.Repeat(".", 3_000), "ten thousand dots": strings.Repeat(".", 10_000), "standard base64 for the url's": strings.ReplaceAll(good, "-", "+") + "+", "more than 4 KiB": ours(nil, members{"x": strings.Repeat("x", 4_000)}),
		"a huge header": f.sign(f.header(members{"kid": strings.Repeat("k", 4_000)}), f.claims(nil)), "deep JSON": raw(strings.Repeat(`{"a":`, 900) + "1" + strings.Repeat("}", 900)),
	}
}

// misplacedTokens are good tokens where none is taken from.
func (s *stage) misplacedTokens(good string) []attack {
	at := func(name, path string, headers ...string) attack {
		return attack{"misplaced token: " + name, func(t *testing.T) { refused(t, s.try(t, "GET", path, "", headers...), 401) }}
	}
	return []attack{
		at("in the query as token", "/v1/balance?token="+good), at("in the query as access_token", "/v1/balance?access_token="+good), at("in a cookie", "/v1/balance", "Cookie", "access_token="+good),
		at("in a cookie of the session", "/v1/balance", "Cookie", "__Host-rt="+s.refresh), at("in X-Authorization", "/v1/balance", "X-Authorization", bearer(good)),
		at("in Proxy-Authorization", "/v1/balance", "Proxy-Authorization", bearer(good)), at("in X-Api-Key", "/v1/balance", "X-Api-Key", s.reader), at("in X-Forwarded-User", "/v1/balance", "X-Forwarded-User", "alice"),
	}
}
