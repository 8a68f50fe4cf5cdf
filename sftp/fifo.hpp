#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace sluice::sftp {

/// A queue in a vector: holds no memory until used, and each element is moved a constant number of
/// times.
template <class T>
class fifo {
public:
    bool empty() const { return head_ == items_.size(); }
    std::size_t size() const { return items_.size() - head_; }
    T& front() { return items_[head_]; }
    T& back() { return items_.back(); }
    T& operator[](std::size_t i) { return items_[head_ + i]; }  ///< 0 is the front
    void push(T item) { items_.push_back(std::move(item)); }
    T pop() {
        T item = std::move(items_[head_++]);
        if (empty()) {
            clear();
        } else if (head_ >= 64 && head_ * 2 >= items_.size()) {
            items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
            head_ = 0;
        }
        return item;
    }
    void pop_back() {
        items_.pop_back();
        if (empty()) clear();
    }
    void remove(std::size_t i) {
        items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(head_ + i));
        if (empty()) clear();
    }
    void clear() {
        items_.clear();
        head_ = 0;
    }

private:
    std::vector<T> items_;
    std::size_t head_ = 0;
};

}  // namespace sluice::sftp
