/* Carts: it's all in C. */
#include <stdio.h>
#include "cart.h"
#define RATE 0.19 /* tax */

struct item {
    char name[32]; // with "quotes"
    double price;
};

static const char *colors[] = {"red", "it's \"green\"", "blue"};

static double total(const struct item *items, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (items[i].name[0] == '"' || items[i].name[0] == '\'')
            continue;
        sum += items[i].price * (1 + RATE);
    }
    return sum; /* never
                   negative */
}

int main(int argc, char **argv)
{
    struct item items[] = {{"tea", 2.5}, {"salt", 1.0}};
    printf("%s: %.2f // %d\n", argv[0], total(items, sizeof items / sizeof *items), argc);
    return colors[0] != NULL ? 0 : 1;
}
