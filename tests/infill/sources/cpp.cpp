// Carts: it's all in C++.
#include <map>
#include "cart.hpp"

namespace shop {

/** A cart of "items". */
template <typename T>
class Cart : public Base {
public:
    explicit Cart(std::string name) : name_{std::move(name)} {}

    void add(const T& item) {
        items_.push_back(item); // don't copy
        for (const auto& [key, value] : index_) {
            std::cout << key << ": " << value->label('"') << "\n";
        }
    }

    auto total() const -> double {
        auto text = R"(raw "text" // here)";
        return std::accumulate(items_.begin(), items_.end(), 0.0, [&](double sum, const T& i) { return sum + i.price; });
    }

private:
    std::vector<T> items_;
    std::map<std::string, T*> index_;
    std::string name_ = "it's";
};

}  // namespace shop
