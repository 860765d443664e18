package image

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/client"
)

const (
	// pullBegins is how long a registry may take for a first word, pullStalls for each further one. Where no registry
	// can be reached the engine usually knows at once; where packets are swallowed it would try for minutes.
	pullBegins = 10 * time.Second
	pullStalls = 60 * time.Second
)

var errStalled = errors.New("the registry does not answer")

// pull lets the engine pull an image, as long as that moves.
func pull(ctx context.Context, docker *client.Client, reference string, log func(string)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(pullBegins, func() { cancel(fmt.Errorf("%w within %s", errStalled, pullBegins)) })
	defer watchdog.Stop()
	answer, err := docker.ImagePull(ctx, reference, client.ImagePullOptions{})
	if err != nil {
		return pullError(ctx, err)
	}
	defer answer.Close()
	log("pulling " + reference)
	for message, err := range answer.JSONMessages(ctx) {
		if err != nil {
			return pullError(ctx, err)
		}
		if message.Error != nil {
			return message.Error
		}
		watchdog.Reset(pullStalls)
	}
	return pullError(ctx, nil)
}

// pullError prefers why the pull was given up over what it looked like to the client.
func pullError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		return cause
	}
	return err
}
