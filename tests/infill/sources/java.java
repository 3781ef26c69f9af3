package shop;

import java.util.List;

/**
 * It's a cart.
 */
public final class Cart<T extends Item> implements Iterable<T> {
    private static final String QUERY = "SELECT \"name\" // no comment";
    private final List<T> items = new ArrayList<>();
    private char quote = '"'; // the quote's sign

    @Override
    public Iterator<T> iterator() {
        return items.stream().filter(i -> i.price() > 0.0).map(i -> (T) i).iterator();
    }

    double total(double rate) throws IOException {
        double sum = 0;
        /* all of "them" */
        for (T item : items) {
            sum += switch (item.kind()) {
                case FOOD -> item.price() * (1 + rate / 2);
                default -> item.price() * (1 + rate);
            };
        }
        if (sum < 0) {
            throw new IllegalStateException("can't be " + sum + '\'');
        }
        return sum;
    }
}
