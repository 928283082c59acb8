package gateway_test

import (
	"fmt"
	"strings"
	"testing"
)

// guessable are passwords that somebody who guesses tries first.
var guessable = map[string]string{
	"the word itself": "password", "the word in capitals": "PASSWORD", "the word with a one": "password1", "digits in order": "12345678", "more digits": "1234567890", "a row of the keyboard": "qwertyuiop",
	"a walk over the keyboard": "1qaz2wsx", "a film's": "trustno1", "a hero": "superman", "a game": "baseball", "a feeling": "iloveyou", "a date's digits": "11111111", "a place": "liverpool", "a name's": "jennifer", "the user's own name": "mallory-the-9th",
	"the user's name in capitals": "MALLORY-THE-9TH",
}

// passwordAttacks are on accounts whose owners take a password that everybody knows: none can be taken.
func (s *stage) passwordAttacks() []attack {
	var attacks []attack
	for name, password := range guessable {
		attacks = append(attacks, attack{"password: " + name + " at the registration", func(t *testing.T) {
			a := s.post("/v1/register", "", fmt.Sprintf(`{"username":"mallory-the-9th","password":%q}`, password))
			if refused(t, a, 422); !strings.Contains(string(a.Body), `"pointer":"/password"`) {
				t.Errorf("the field is not named: %s", a.Body)
			}
		}}, attack{"password: " + name + " as a new one", func(t *testing.T) {
			a := s.post("/v1/password", s.bob, fmt.Sprintf(`{"username":"mallory-the-9th","current_password":"correct horse","new_password":%q}`, password))
			if refused(t, a, 422); !strings.Contains(string(a.Body), `"pointer":"/new_password"`) {
				t.Errorf("the field is not named: %s", a.Body)
			}
		}})
	}
	return attacks
}
