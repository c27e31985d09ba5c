package cloud_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"aftercare/tests/localcloud/cloud"
	"aftercare/tests/localcloud/ecs"
)

func ExampleUp() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	c, err := cloud.Up(cloud.Options{Data: dir, Delays: ecs.Delays{Boot: -1}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	ctx := context.Background()
	client := &cloud.Client{URL: c.Endpoints().Control}
	if err := client.CreateInstance(ctx, cloud.Instance{ID: "i-web-1"}); err != nil {
		log.Fatal(err)
	}
	if err := client.Boot(ctx, "i-web-1"); err != nil {
		log.Fatal(err)
	}
	list, err := client.Instances(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(list[0].ID, list[0].State)
	// Output: i-web-1 Running
}
