// Package cart sums up carts.
package cart

import (
	"fmt"
	"os"
)

const query = `SELECT "name" // no comment
	FROM items`

/* Item is one line,
   it's small. */
type Item struct {
	Name  string  `json:"name"`
	Price float64 `json:"price,omitempty"`
}

func (i *Item) Label(width int) (string, error) {
	if width <= 0 {
		return "", fmt.Errorf("width %d isn't \"positive\"", width)
	}
	for n, r := range i.Name {
		if r == '\'' || r == '"' { // quotes
			return i.Name[:n], nil
		}
	}
	return i.Name, nil
}

func main() {
	items := []Item{{"tea", 2.5}, {"salt", 1}}
	ch := make(chan int, len(items))
	go func() { ch <- 1 }()
	fmt.Println(items, <-ch, os.Args[1:])
}
