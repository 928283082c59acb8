package auth

import (
	"errors"
	"testing"
)

func TestPasswordsThatEverybodyKnowsAreNotTaken(t *testing.T) {
	if n := len(common()); n < 3_000 {
		t.Errorf("only %d passwords are known", n)
	} else {
		t.Logf("%d passwords are known", n)
	}
	for password, want := range map[string]error{
		"password": ErrCommon, "PassWord": ErrCommon, "12345678": ErrCommon, "trustno1": ErrCommon, "1qaz2wsx": ErrCommon, "jennifer": ErrCommon,
		"Long.Username": ErrCommon, "password of a longer kind": nil, "correct horse": nil, "пароль и ключ": nil, " password": nil,
	} {
		if err := CheckNew("long.username", password); !errors.Is(err, want) {
			t.Errorf("%q: %v", password, err)
		}
	}
}
